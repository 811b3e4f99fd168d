import { Failure } from '../../core/failure.ts';

/**
 * What an error says about the statement: `lost`, the connection broke and nobody knows whether it took
 * effect; `undone`, the server took it back and it may be tried again; `refused`, it will not be better next time.
 */
export type Fault = 'lost' | 'undone' | 'refused';

const brokenCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
/** Connection exceptions, too many connections, and a server that is shutting down or starting up. */
const brokenStates = /^(08...|53300|57P0[1-5]|25P0[34])$/;
/** Serialization failure, deadlock, lock not available. */
const undoneStates = /^(40...|55P03)$/;
const brokenWords =
  /Connection terminated|connection error|not queryable|timeout exceeded when trying to connect|Query read timeout/i;

const stateOf = (error: unknown): string => {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
};

/** What became of the statement that ended with this error. */
export function faultOf(error: unknown): Fault {
  // Several addresses of one name were tried.
  if (error instanceof AggregateError)
    return error.errors.every((each) => faultOf(each) === 'lost') ? 'lost' : 'refused';
  const state = stateOf(error);
  if (undoneStates.test(state)) return 'undone';
  if (brokenCodes.has(state) || brokenStates.test(state)) return 'lost';
  return brokenWords.test(error instanceof Error ? error.message : '') ? 'lost' : 'refused';
}

const address = 'DIGITAL_HUMAN_DATABASE_URL';
const mends: ReadonlyArray<readonly [states: RegExp, what: string, mend: string]> = [
  [/^28...$/, 'refuses the user or password', `Correct the user and password in ${address}.`],
  [/^3D000$/, 'does not exist on its server', `Create it, or name another one in ${address}.`],
  [
    /^42501$/,
    'does not let its user do what is needed',
    'Grant the user CREATE on the database, and all rights on the schemas digital_human and digital_human_worker.',
  ],
  [/^53[12]00$/, 'has no room left', 'Make room on the database server.'],
  [/^(25006|57P04)$/, 'cannot be written', `Name the writable server in ${address}.`],
];

/** What a fault of the database means to a user. Its own words stay in the log: they may quote rows and addresses. */
export function storageFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const state = stateOf(error);
  const [, what, mend] = mends.find(([states]) => states.test(state)) ?? [];
  const lost = faultOf(error) === 'lost';
  return new Failure({
    kind: 'storage',
    message: `The job database ${what ?? (lost ? 'cannot be reached at the moment' : 'could not do what was asked of it')}.`,
    advice:
      mend ?? 'Try again in a minute, with the same idempotency_key; if it stays so, see the server’s log.',
    retryable: true,
    cause: error,
  });
}
