import { describe, expect, it } from 'vitest';
import { root } from '../harness/processes.ts';
import { sources, violations } from './direction.ts';

const files = sources(root);

describe('the direction of imports', () => {
  it('holds in every source file', () => {
    expect(files.size).toBeGreaterThan(55);
    expect(violations(files)).toEqual([]);
  });

  it.each([
    ['core/failure.ts', "import { operations } from '../clouds/index.ts';"],
    ['core/job.ts', "import { Agent } from 'undici';"],
    ['clouds/http.ts', "import { JobStore } from '../jobs/store.ts';"],
    ['media/download.ts', "import type { JobEngine } from '../jobs/engine.ts';"],
    ['jobs/runner.ts', "const x = await import('../mcp/server.ts');"],
    ['emulator/server.ts', "import { tc3Authorization } from '../clouds/tencent-vclm/auth.ts';"],
    ['emulator/ivh.ts', "import { createHttp } from '../clouds/http.ts';"],
    ['emulator/vclm.ts', 'const request = operation.encode(input);'],
    ['emulator/vclm.ts', 'const state = operation.decode(reply);'],
    ['mcp/server.ts', "import { runDemo } from '../cli/demo.ts';"],
    ['jobs/engine.ts', 'process.exit(1);'],
    ['attic/box.ts', ''],
  ])('is broken by a planted line in %s: %s', (file, line) => {
    const planted = new Map(files).set(file, `${files.get(file) ?? ''}\n${line}\n`);
    expect(violations(planted)).toHaveLength(1);
  });
});

describe('the files', () => {
  it('stay under 300 lines and are named after what they hold', () => {
    for (const [file, text] of files) {
      expect(text.split('\n').length, file).toBeLessThanOrEqual(300);
      expect(file).not.toMatch(/(^|\/)(client|utils?|managers?|types|helpers?|formatting)\.ts$/);
    }
  });

  // The named import keeps every locale in the bundle: 350 kB more to read before the first tool list.
  it('import zod as a namespace, so that the bundler can leave out what is not used', () => {
    const named = [...files].filter(([, text]) => /import (type )?\{[^}]*\} from 'zod'/.test(text));
    expect(named.map(([file]) => file)).toEqual([]);
    expect([...files].filter(([, text]) => text.includes("import * as z from 'zod'")).length).toBeGreaterThan(
      10,
    );
  });

  // A CommonJS package that is loaded by a call comes out of the bundle without its names.
  it('import undici by statement only', () => {
    const called = [...files].filter(([, text]) => /import\('undici'\)/.test(text));
    expect(called.map(([file]) => file)).toEqual([]);
  });

  it('write to standard output from commands for people only', () => {
    const speaking = [...files]
      .filter(([, text]) => /process\.stdout(?!\.once)|\bconsole\.\w+\(/.test(text))
      .map(([file]) => file);
    expect(speaking.toSorted()).toEqual([
      'cli/demo-board.ts',
      'cli/demo.ts',
      'cli/doctor.ts',
      'cli/emulator.ts',
      'cli/jobs.ts',
      'cli/terminal.ts',
      'cli/token.ts',
      'index.ts',
    ]);
  });
});
