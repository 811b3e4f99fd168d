import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../harness/processes.ts';

interface Violation {
  readonly what: string;
  readonly detail: string;
}

interface Result {
  readonly runs: number;
  readonly injected: Readonly<Record<string, number>>;
  readonly accepted: number;
  readonly sightings: number;
  readonly violations: readonly Violation[];
}

/** Runs a campaign as `npm run test:faults` does, and gives what it found and what it told people. */
async function campaign(...args: string[]): Promise<{ code: number | null; result: Result; told: string }> {
  const child = spawn(process.execPath, [join(root, 'test/faults/campaign.mjs'), '--json', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, told]: [string[], string[]] = [[], []];
  child.stdout.on('data', (chunk) => out.push(String(chunk)));
  child.stderr.on('data', (chunk) => told.push(String(chunk)));
  const code = await new Promise<number | null>((done) => {
    child.once('close', (ended) => done(ended));
  });
  if (out.length === 0) throw new Error(`the campaign ended with ${code}: ${told.join('')}`);
  return { code, result: JSON.parse(out.join('')) as Result, told: told.join('') };
}

describe('a fault campaign', () => {
  it('of a hundred runs finds nothing paid twice, nothing lost, and has met every kind of fault', async () => {
    const { code, result, told } = await campaign('--seed', '11', '--runs', '100');
    process.stderr.write(told.slice(told.indexOf('fault campaign')));
    expect(result.violations).toEqual([]);
    expect(code).toBe(0);
    const kinds = Object.keys(result.injected);
    expect(kinds).toHaveLength(25);
    expect(kinds.filter((kind) => !result.injected[kind])).toEqual([]);
    expect(result.runs).toBeGreaterThanOrEqual(100);
    expect(result.accepted).toBeGreaterThan(50);
    expect(result.sightings).toBeGreaterThan(500);
  }, 300_000);

  it('catches a server that submits again after a timeout', async () => {
    const { code, result } = await campaign('--seed', '11', '--runs', '36', '--plant', 'retry-after-timeout');
    expect(code).toBe(1);
    expect(result.violations.map(({ what }) => what)).toContain('paid twice');
  }, 300_000);
});
