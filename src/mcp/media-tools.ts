import * as z from 'zod';
import { foreignText } from '../core/failure.ts';
import type { MediaFacts } from '../core/media-facts.ts';
import type { Operation } from '../core/operation.ts';
import { judge } from '../media/judge.ts';
import type { Application } from './application.ts';
import { problemLines } from './arguments.ts';
import { defineTool, reading, type StandingTool } from './tool.ts';

interface Verdict {
  readonly tool: string;
  readonly field: string;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** What every field that wants this kind of file would say to it. */
function verdicts(operations: readonly Operation[], facts: MediaFacts): Verdict[] {
  return operations.flatMap(({ name, wire, inputField }) =>
    Object.entries(wire.media)
      .filter(([, limits]) => limits.kind === facts.kind)
      .map(([path, limits]) => {
        const field = inputField(path);
        const { problems, warnings } = judge(field, facts, limits);
        return { tool: name, field, problems: problemLines(problems), warnings };
      }),
  );
}

function described(facts: MediaFacts): Record<string, unknown> {
  const { seconds, secondsExact, width, height, frameRate, videoCodec, audioCodec, ...others } = facts;
  return {
    format: others.format,
    kind: others.kind,
    ...(others.bytes !== undefined && { bytes: others.bytes }),
    ...(seconds !== undefined && { seconds, seconds_exact: secondsExact }),
    ...(width !== undefined && { width, height }),
    ...(frameRate !== undefined && { frame_rate: frameRate }),
    ...(videoCodec !== undefined && { video_codec: foreignText(videoCodec, 40) }),
    ...(audioCodec !== undefined && { audio_codec: foreignText(audioCodec, 40) }),
    ...(others.pages !== undefined && { pages: others.pages }),
    truncated: others.truncated,
    complete: others.complete,
  };
}

async function shownOperations(application: Application): Promise<readonly Operation[]> {
  const listed = new Set(application.tools().map(({ definition }) => definition.name));
  return (await application.operations()).filter(({ name }) => listed.has(name));
}

const checkMedia = defineTool({
  name: 'check_media',
  title: 'Check a file',
  description:
    'Opens a file (address or path) and says which tools and fields accept it, and why not. Does not judge faces or content.',
  input: z.strictObject({ url: z.string().min(1).max(8192).describe('http(s) or file address, or path.') }),
  output: z.object({ media: z.object({}), accepted: z.array(z.object({})), refused: z.array(z.object({})) }),
  annotations: reading,
  async run({ url }, application, context) {
    const preflight = await application.preflight();
    const look = await preflight.look(
      { value: url, inline: false },
      [0.5, 1, 2, 60, 120, 360],
      context.signal,
    );
    if ('failure' in look) throw look.failure;
    const found = verdicts(await shownOperations(application), look.facts);
    const accepted = found
      .filter(({ problems }) => problems.length === 0)
      .map(({ tool, field, warnings }) => ({ tool, field, ...(warnings.length > 0 && { warnings }) }));
    const refused = found
      .filter(({ problems }) => problems.length > 0)
      .map(({ tool, field, problems }) => ({ tool, field, problems }));
    const media = described(look.facts);
    const lines = [
      Object.entries(media)
        .map(([name, value]) => `${name} ${String(value)}`)
        .join(', '),
      ...accepted.map(({ tool, field }) => `accepted: ${tool} ${field}`),
      ...refused.map(({ tool, field, problems }) => `refused: ${tool} ${field}: ${problems.join(' ')}`),
      ...(found.length === 0 ? ['No tool takes this kind of file.'] : []),
    ];
    return { structured: { media, accepted, refused }, text: lines.join('\n') };
  },
});

/** Tools that look into files. */
export const mediaTools: readonly StandingTool[] = [checkMedia];
