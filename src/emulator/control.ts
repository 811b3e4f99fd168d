import { foreignText } from '../core/failure.ts';
import { type CallKind, jsonReply, type Message, type Reply } from './exchange.ts';
import { faultSchema } from './faults.ts';
import type { World } from './world.ts';

const prefix = '/_emulator/';
const loopbackHost = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

export function noCalls(): Record<CallKind, number> {
  return { submit: 0, query: 0, result: 0, cancel: 0, list: 0, policy: 0, upload: 0 };
}

/**
 * The control routes. They have no key: the port is on loopback, and the Host header must say so too,
 * or a web page could reach them through a name of its own that resolves to 127.0.0.1.
 * @returns undefined when the request is not for them
 */
export function answerControl(world: World, message: Message, reset: () => void): Reply | undefined {
  if (!message.path.startsWith(prefix)) return undefined;
  if (!loopbackHost.test(message.headers.host ?? ''))
    return jsonReply(403, { error: 'The control routes are for 127.0.0.1 only.' });
  const route = `${message.method} ${message.path.slice(prefix.length)}`;
  if (route === 'GET submissions') return jsonReply(200, { submissions: world.submissions });
  if (route === 'GET requests') return jsonReply(200, world.counts);
  if (route === 'GET lanes') return jsonReply(200, lanesOf(world));
  if (route === 'GET calls') return jsonReply(200, { calls: world.calls.last() });
  if (route === 'GET faults') return jsonReply(200, { hits: world.faults.hits() });
  if (route === 'POST faults') return installFaults(world, message);
  if (route === 'POST reset') {
    reset();
    return jsonReply(200, { reset: true });
  }
  return jsonReply(404, {
    error: 'Known: GET submissions, GET requests, GET calls, GET lanes, GET faults, POST faults, POST reset.',
  });
}

/** Unfinished tasks of every lane: now, the most there have been at once, and how many may be. */
function lanesOf(world: World) {
  const { wires, lifecycle } = world;
  const lanes = new Map(wires.map(({ lane }) => [lane.name, lane]));
  const facts = [...lanes].map(([name, lane]) => {
    const [unfinished, most] = [lifecycle.unfinished(name), lifecycle.mostUnfinished(name)];
    return [name, { unfinished, most, room: world.room(lane) }] as const;
  });
  return Object.fromEntries(facts);
}

/** Takes one fault or an array of them; all or none. */
function installFaults(world: World, message: Message): Reply {
  const asked = Array.isArray(message.json) ? message.json : [message.json];
  const parsed = asked.map((fault) => faultSchema.safeParse(fault));
  const problems = parsed.flatMap((result, index) =>
    (result.error?.issues ?? []).map(
      (issue) => `[${index}] ${issue.path.join('.')}: ${foreignText(issue.message)}`,
    ),
  );
  if (problems.length > 0) return jsonReply(400, { error: 'Not a fault that can be scripted.', problems });
  for (const { data } of parsed) if (data) world.faults.install(data);
  return jsonReply(200, { installed: parsed.length });
}
