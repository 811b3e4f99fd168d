/** What a person reads at the end of a campaign. */
export function summary(result) {
  const { seed, plant, runs, seconds, injected, budget, violations, excused, callbacks } = result;
  const line = (name, text) => `${name.padEnd(14)}${text}`;
  const list = (counts) =>
    Object.entries(counts)
      .map(([name, number]) => `${name} ${number}`)
      .join(' · ');
  const lines = [
    `fault campaign · seed ${seed} · ${runs} runs · ${seconds} s${plant ? ` · planted: ${plant}` : ''}`,
    line(
      'intents',
      `${result.intents}, acknowledged ${result.acknowledged}, asked for by ${result.calls} calls`,
    ),
    line('accepted', `${result.accepted} by the emulator`),
    line('jobs', list(result.ends)),
    line('kills', `${result.kills} kill -9, ${result.restarts} clean restarts`),
    line(
      'unknown by',
      `kill ${excused.kill}, a machine that stood still ${excused.stall}, else by their fault`,
    ),
    line('sightings', `${result.sightings} of a job's state`),
    line('callbacks', `of ${callbacks.taken} tasks were taken, of ${callbacks.twice} of them twice`),
    line(
      'budget',
      `${budget.queries} queries of ${budget.jobs} jobs, at most ${budget.busiest} a second over two, ${budget.worst} in one`,
    ),
    'faults',
    ...Object.entries(injected).map(([name, number]) => `  ${name.padEnd(28)}${number}`),
    line('violations', String(violations.length)),
    ...violations.slice(0, 40).map(({ what, detail }) => `  ${what}: ${detail}`),
  ];
  return `${lines.join('\n')}\n`;
}
