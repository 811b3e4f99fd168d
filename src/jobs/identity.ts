import { createHash, randomBytes } from 'node:crypto';
import type { CloudConnection } from '../clouds/exchange.ts';
import { Failure, quoted } from '../core/failure.ts';
import { clouds, type Operation } from '../core/operation.ts';

/** Unguessable, so that an id is a key to its job. */
export const newJobId = () => `job_${randomBytes(15).toString('base64url')}`;

/** The same value gives the same text, whatever the order of its keys. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).filter(([, field]) => field !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** What makes two submissions the same: the tool and the input. */
export function digestOf(tool: string, input: unknown): string {
  return createHash('sha256')
    .update(`${tool}\n${canonical(input)}`)
    .digest('hex');
}

/** What is answered about a task that the cloud does not know, or that is another principal's. */
export function unknownTask(operation: Operation, cloudTaskId: string): Failure {
  return new Failure({
    kind: 'not_found',
    message: `${clouds[operation.wire.cloud]} does not know the task ${quoted(cloudTaskId, 80)}.`,
    advice: 'Check the task id, the tool and the account. Nothing was stored.',
  });
}

/** Asks the cloud whether it knows a task. Throws `not_found` when it does not. */
export async function confirmTask(
  connection: CloudConnection,
  operation: Operation,
  cloudTaskId: string,
): Promise<void> {
  const state = operation.decode(await connection.query(operation.wire, cloudTaskId));
  if (state.state === 'missing') throw unknownTask(operation, cloudTaskId);
}
