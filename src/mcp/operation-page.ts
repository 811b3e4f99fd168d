import type { ErrorTable } from '../core/failure.ts';
import { clouds, type MediaLimits, type Operation } from '../core/operation.ts';
import { ratioText } from '../media/judge.ts';
import { hostSchema, type JsonSchema } from './schema.ts';

export interface FieldRow {
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  readonly limits: string;
  readonly description: string;
}

function limitsOf(schema: JsonSchema): string {
  const parts: string[] = [];
  const range = (low: number | undefined, high: number | undefined, unit: string) => {
    if (low !== undefined && high !== undefined) parts.push(`${low}–${high}${unit}`);
    else if (low !== undefined) parts.push(`≥ ${low}${unit}`);
    else if (high !== undefined) parts.push(`≤ ${high}${unit}`);
  };
  if (schema.enum) parts.push(schema.enum.join(' | '));
  range(schema.minimum, schema.maximum, '');
  range(schema.minLength, schema.maxLength, ' characters');
  range(schema.minItems, schema.maxItems, ' entries');
  return parts.join(', ');
}

/** Every field of an input schema, nested ones with dots, in documented order. */
export function fieldRows(schema: JsonSchema, prefix = '', above = true): FieldRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = `${prefix}${name}`;
    const required = above && (schema.required ?? []).includes(name);
    const inner = property.items?.properties ? property.items : property;
    const row = {
      path,
      type: property.type ?? 'any',
      required,
      limits: limitsOf(property),
      description: property.description ?? '',
    };
    return [row, ...fieldRows(inner, `${path}${property.items ? '[]' : ''}.`, false)];
  });
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function table(header: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

const megabytes = (bytes: number) => `${Math.round(bytes / 1024 ** 2)} MB`;

/** The limits of one file, in words. */
export function mediaSummary(limits: MediaLimits): string {
  const { formats, codecs, maxBytes, seconds, side, ratio, frameRate, pages, advised } = limits;
  const parts = [formats.join(', ') || 'any format'];
  if (codecs) parts.push(codecs.join(' or '));
  if (maxBytes) parts.push(`at most ${megabytes(maxBytes)}`);
  if (seconds) parts.push(`${seconds[0]}–${seconds[1]} s`);
  if (side) parts.push(side[0] > 1 ? `sides ${side[0]}–${side[1]} px` : `sides up to ${side[1]} px`);
  if (ratio) parts.push(`width:height ${ratioText(ratio[0])}–${ratioText(ratio[1])}`);
  if (frameRate) parts.push(`${frameRate[0]}–${frameRate[1]} fps`);
  if (pages) parts.push(`at most ${pages} pages`);
  if (advised?.length) parts.push(`(advice only: ${advised.join(', ')})`);
  return parts.join('; ');
}

function errorTable(codes: ErrorTable): string {
  const rows = Object.entries(codes).map(([code, { kind, retry, advice }]) => [
    `\`${code}\``,
    kind,
    retry ? 'yes' : 'no',
    advice,
  ]);
  return table(['code', 'kind', 'retry', 'what to do'], rows);
}

/** The whole reference of one operation, as its resource shows it. Rendered from the literal alone. */
export function operationPage(operation: Operation): string {
  const { wire } = operation;
  const sources = wire.documentation.map(({ title, date }) => `${title} (${date})`).join('; ');
  const fields = fieldRows(hostSchema(operation.input)).map((row) => [
    `\`${row.path}\``,
    row.type,
    row.required ? 'yes' : '',
    row.limits,
    row.description,
  ]);
  const media = Object.entries(wire.media).map(([field, limits]) => [
    `\`${operation.inputField(field)}\``,
    limits.kind,
    mediaSummary(limits),
  ]);
  const { call, task } = wire.errors;
  const sections = [
    `# ${operation.title}`,
    `Tool \`${operation.name}\`: ${operation.description}`,
    `Cloud: ${clouds[wire.cloud]}${wire.site ? `, site ${wire.site}` : ''}. Operation: \`${wire.operation}\`. Documented in: ${sources}.`,
    `Results live ${wire.resultLifetimeSeconds / 3600} h; the cloud answers for a task ${wire.taskLifetimeSeconds / 3600} h. Lane \`${wire.lane.name}\`: ${wire.lane.size} at once by default.`,
    `## Fields\n\n${table(['field', 'type', 'required', 'limits', 'meaning'], fields)}`,
    `## Files\n\n${table(['field', 'kind', 'limits'], media)}`,
    `## Example\n\n\`\`\`json\n${JSON.stringify(operation.example, null, 2)}\n\`\`\``,
    ...(operation.notes.length > 0
      ? [`## Good to know\n\n${operation.notes.map((note) => `- ${note}`).join('\n')}`]
      : []),
    `## Errors of a call\n\n${errorTable(call)}`,
    ...(task === call ? [] : [`## Errors of a task that failed later\n\n${errorTable(task)}`]),
  ];
  return `${sections.join('\n\n')}\n`;
}
