import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { type: 'minor' }) => void;

/** Often enough that what a reader leaves behind stays small, seldom enough to cost next to nothing. */
const everyBytes = 2 * 1024 * 1024;

let collect: Collect | undefined;
let owed = 0;

/**
 * To be told of bytes that passed through this process. V8 lets some 40 MB of read buffers pile up before it
 * clears its young generation, since it hardly counts memory outside its heap; told, it clears in time.
 */
export function passed(bytes: number): void {
  owed += bytes;
  if (owed < everyBytes) return;
  owed = 0;
  if (!collect) {
    // The function shows in contexts made from now on, and only there.
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as Collect;
    setFlagsFromString('--no-expose-gc');
  }
  collect({ type: 'minor' });
}
