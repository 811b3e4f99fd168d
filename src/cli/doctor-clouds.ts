import { type Accounts, openConnections } from '../clouds/accounts.ts';
import { createHttp, type Http } from '../clouds/http.ts';
import { Failure } from '../core/failure.ts';
import { type Cloud, clouds, type Operation } from '../core/operation.ts';
import type { Check, Finding } from './doctor-checks.ts';
import type { OtherPlace } from './doctor-sites.ts';
import { duration } from './jobs-lines.ts';

/** Task ids that no cloud has given out. A query of one costs nothing and starts nothing. */
const absentTasks: Readonly<Record<Cloud, string>> = {
  vclm: '1000000000000000000',
  vclm_intl: '1000000000000000000',
  ivh: '00000000000000000000000000000000',
  dashscope: '00000000-0000-4000-8000-000000000000',
};

/** Answers that say "no such task", which only somebody with the right keys is told. */
const lookups = new Set([
  'FailedOperation.JobNotExist',
  'FailedOperation.JobNotFound',
  'FailedOperation.TaskNotExist',
  'FailedOperation.TaskStatusError',
  'ResourceNotFound',
  '110006',
]);

/** Answers that say "not at this address" or "not in this region". */
const elsewhere = new Set([
  'InvalidAction',
  'NoSuchVersion',
  'ActionOffline',
  'UnsupportedRegion',
  'NotFound',
]);

/** Refusals of the keys themselves that our tables count as missing permission: IVH has one code for both. */
const ivhUnauthorised = '100005';

interface Answer {
  readonly verdict: 'accepted' | 'refused' | 'elsewhere' | 'unanswered' | 'other';
  readonly failure?: Failure;
  /** Of this machine's clock, in milliseconds; positive when it is ahead. */
  readonly aheadMs?: number;
}

function judged(error: unknown): Pick<Answer, 'verdict' | 'failure'> {
  if (!(error instanceof Failure)) throw error;
  const { code = '', kind, stage } = error;
  if (stage !== 'refused') return { verdict: 'unanswered', failure: error };
  if (lookups.has(code)) return { verdict: 'accepted' };
  if (elsewhere.has(code)) return { verdict: 'elsewhere', failure: error };
  return {
    verdict: kind === 'credentials' || code === ivhUnauthorised ? 'refused' : 'other',
    failure: error,
  };
}

export interface CloudQuestion {
  readonly accounts: Accounts;
  readonly operations: readonly Operation[];
  readonly now: () => number;
}

/** Asks one cloud about a task that does not exist. */
async function ask(cloud: Cloud, question: CloudQuestion, signal: AbortSignal): Promise<Answer> {
  const { accounts, operations, now } = question;
  const wire = operations.find((operation) => operation.wire.cloud === cloud)?.wire;
  if (!wire) throw new Error(`no operation of ${cloud}`);
  let aheadMs: number | undefined;
  const http = createHttp();
  const observed: Http = {
    async send(request) {
      const sentAt = now();
      const reply = await http.send({ ...request, signal });
      const date = Date.parse(String(reply.headers.date ?? ''));
      // The header counts whole seconds, and belongs somewhere between our sending and the answer.
      if (!Number.isNaN(date)) aheadMs ??= (sentAt + now()) / 2 - (date + 500);
      return reply;
    },
    close: () => http.close(),
  };
  try {
    const connection = openConnections({ [cloud]: accounts[cloud] }, observed, now)[cloud];
    if (!connection) throw new Error(`${cloud} has no account`);
    await connection.query(wire, absentTasks[cloud]);
    return { verdict: 'accepted', aheadMs };
  } catch (error) {
    return { ...judged(error), aheadMs };
  } finally {
    await http.close();
  }
}

const tolerableMs = 30_000;
/** Beyond this a signature is refused at first; requests are then signed again, by the cloud's own time. */
const dangerousMs = 4 * 60_000;

function clockFinding(cloud: Cloud, aheadMs: number | undefined): Finding {
  const check = `${clouds[cloud]}: clock`;
  if (aheadMs === undefined) return { check, verdict: 'skipped', detail: 'no answer, and so no time' };
  const off = Math.abs(aheadMs);
  if (off <= tolerableMs) return { check, verdict: 'ok', detail: 'the same time as here' };
  return {
    check,
    verdict: off < dangerousMs ? 'warning' : 'failed',
    detail: `this machine’s clock is ${duration(off)} ${aheadMs > 0 ? 'ahead' : 'behind'}`,
    mend: 'Set this machine’s clock, best by a time service.',
  };
}

async function keysFinding(
  cloud: Cloud,
  { verdict, failure }: Answer,
  places: readonly OtherPlace[],
  question: CloudQuestion,
  signal: AbortSignal,
): Promise<Finding> {
  const check = `${clouds[cloud]}: keys`;
  if (verdict === 'accepted') return { check, verdict: 'ok', detail: 'accepted' };
  const { message = '', advice = '' } = failure ?? {};
  if (verdict === 'refused' || verdict === 'elsewhere')
    for (const place of places) {
      const there = await ask(place.cloud, { ...question, accounts: place.accounts }, signal);
      if (there.verdict === 'accepted')
        return { check, verdict: 'failed', detail: place.meaning, mend: place.mend };
    }
  const words = {
    refused: `not accepted. ${message}`,
    elsewhere: `this address does not offer what is needed here. ${message}`,
    unanswered: message,
    other: `could not be confirmed. ${message}`,
  }[verdict];
  return { check, verdict: 'failed', detail: words, mend: siteHint(cloud, verdict, advice) };
}

/** Where the same refusal is also what keys of another site or region get. */
function siteHint(cloud: Cloud, verdict: Answer['verdict'], advice: string): string {
  if (verdict !== 'refused') return advice;
  switch (cloud) {
    case 'ivh':
      return `${advice} Keys of one site are refused at the other’s address: check IVH_SITE too.`;
    case 'vclm':
      return `${advice} Keys of an international account go into TENCENTCLOUD_INTL_SECRET_ID and _KEY.`;
    case 'vclm_intl':
      return `${advice} Image animation needs an international account: TENCENTCLOUD_INTL_SECRET_ID and _KEY.`;
    case 'dashscope':
      return advice;
  }
}

/** A cloud's clock and keys, by one question that costs nothing. */
export function cloudCheck(
  cloud: Cloud,
  question: CloudQuestion,
  places: readonly OtherPlace[],
  misplaced?: { readonly detail: string; readonly mend: string },
): Check {
  const check = `${clouds[cloud]}: keys`;
  return {
    name: check,
    async look(signal) {
      const answer = await ask(cloud, question, signal);
      const keys: Finding = misplaced
        ? { check, verdict: 'failed', ...misplaced }
        : await keysFinding(cloud, answer, places, question, signal);
      return [keys, clockFinding(cloud, answer.aheadMs)];
    },
  };
}
