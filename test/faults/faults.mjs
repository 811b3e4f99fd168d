/**
 * What can be done to one submission. `unknowable`: nobody can tell afterwards whether it was accepted;
 * `failing`: the job may end as failed. Any other end than success is a violation without one of these.
 * `needs`: what the cloud must have for it: not every cloud has a code for every refusal, or callbacks.
 */
const submit = (name, make, traits = {}) => ({ name, make, call: 'submit', ...traits });
const query = (name, make, traits = {}) => ({ name, make, call: 'query', ...traits });
const unknowable = { unknowable: true };
const failing = { failing: true };
const status = (random) => random.pick([500, 502, 503]);

/** `make(operation, random, timeoutMs)` gives the fault for the emulator. */
export const faultKinds = [
  submit(
    'refused: no room',
    ({ capacity }, random) => ({
      fault: 'refuse',
      code: capacity,
      times: random.between(1, 3),
    }),
    { needs: 'capacity' },
  ),
  submit(
    'refused: capacity storm',
    ({ capacity }, random) => ({
      fault: 'refuse',
      code: capacity,
      times: random.between(5, 9),
      intents: random.between(3, 5),
    }),
    { needs: 'capacity' },
  ),
  submit(
    'refused: too fast',
    ({ throttle }, random) => ({
      fault: 'refuse',
      code: throttle,
      times: random.between(1, 2),
    }),
    { needs: 'throttle' },
  ),
  submit('refused: for good', ({ refusal }) => ({ fault: 'refuse', code: refusal }), failing),
  submit('late, in time', (_, random) => ({ fault: 'delay', ms: random.between(50, 600) })),
  submit(
    'late, past the timeout',
    (_, __, timeoutMs) => ({ fault: 'delay', ms: timeoutMs + 2_500 }),
    unknowable,
  ),
  submit('cut before the body', () => ({ fault: 'cut', where: 'before_body' }), unknowable),
  submit('cut in the body', () => ({ fault: 'cut', where: 'mid_body' }), unknowable),
  submit('5xx, bare', (_, random) => ({ fault: 'server_error', status: status(random) }), unknowable),
  submit(
    '5xx, vendor error',
    (_, random) => ({ fault: 'server_error', status: status(random), vendor_error: true }),
    failing,
  ),
  submit('malformed', () => ({ fault: 'malformed' }), unknowable),
  submit('empty', () => ({ fault: 'empty' }), unknowable),
  submit('accepted, then dropped', () => ({ fault: 'accept_then_drop' }), unknowable),
  submit('the task fails', ({ taskFailure }) => ({ fault: 'fail_task', code: taskFailure }), failing),
  submit('callback twice', () => ({ fault: 'duplicate' }), { needs: 'callbacks' }),
  query('query refused', ({ throttledQuery }, random) => ({
    fault: 'refuse',
    code: throttledQuery,
    times: random.between(1, 3),
  })),
  query('query late', (_, __, timeoutMs) => ({ fault: 'delay', ms: timeoutMs + 2_500 })),
  query('query cut', (_, random) => ({ fault: 'cut', where: random.pick(['before_body', 'mid_body']) })),
  query('query 5xx', (_, random) => ({
    fault: 'server_error',
    status: status(random),
    vendor_error: random.chance(0.5),
    times: random.between(1, 3),
  })),
  query('query malformed', (_, random) => ({ fault: random.pick(['malformed', 'empty']) })),
  query('query, unheard-of state', (_, random) => ({
    fault: 'status',
    status: 'NEVER_HEARD_OF',
    times: random.between(1, 3),
  })),
];

const shuffled = (list, random) =>
  list
    .map((each) => [random.next(), each])
    .toSorted(([a], [b]) => a - b)
    .map(([, each]) => each);

/**
 * Deals the kinds of faults to operations: each kind comes early to one of them, so that also a short campaign
 * has all; after that every operation goes through all that it can meet, in an order of its own, over and over.
 * Returns, for each operation, a function that gives its next kind, and whether it owes it to all.
 */
export function deal(operations, random) {
  const suits = (operation, { needs }) => needs === undefined || Boolean(operation[needs]);
  const owed = operations.map(() => []);
  for (const kind of faultKinds) {
    const able = operations.map((_, index) => index).filter((index) => suits(operations[index], kind));
    const least = Math.min(...able.map((index) => owed[index].length));
    owed[able.find((index) => owed[index].length === least)].push(kind);
  }
  return operations.map((operation, index) => {
    const mine = faultKinds.filter((kind) => suits(operation, kind));
    const first = shuffled(owed[index], random);
    const deck = [
      ...first,
      ...shuffled(
        mine.filter((kind) => !first.includes(kind)),
        random,
      ),
    ];
    let given = 0;
    return () => {
      if (deck.length === 0) deck.push(...shuffled(mine, random));
      given += 1;
      return { kind: deck.shift(), owed: given <= first.length };
    };
  });
}

/** What happens to the next submissions of an operation, by a kind of fault; `runs` of them at most. */
export function draw(kind, operation, random, { timeoutMs, runs }) {
  const { intents, ...fault } = kind.make(operation, random, timeoutMs);
  const one = intents !== undefined || fault.times !== undefined;
  const lives = intents ?? (one ? 1 : Math.min(random.pick([1, 1, 1, 2, 3]), runs));
  const scripted = { ...fault, call: kind.call, operation: operation.operation, times: fault.times ?? lives };
  return { lives, counted: one ? 1 : lives, scripted };
}
