import * as z from 'zod';
import { settingDefault, settingFacts, settings } from './settings.ts';
import { version } from './version.ts';

/** The package's name in MCP registries; `mcpName` in package.json must say the same. */
const registryName = 'io.github.digital-human-mcp/digital-human-mcp';

interface RegistryVariable {
  readonly name: string;
  readonly description: string;
  readonly isRequired: false;
  readonly isSecret: boolean;
  readonly format: 'string' | 'number' | 'boolean' | 'filepath';
  readonly choices?: readonly string[];
  readonly default?: string;
}

function variable({ environment, flag, toggle, description }: (typeof settingFacts)[number]) {
  const shape: z.ZodType = settings.shape[environment as keyof typeof settings.shape];
  const { type, enum: choices } = z.toJSONSchema(shape, { io: 'input', unrepresentable: 'any' }) as {
    type?: string;
    enum?: string[];
  };
  const ordinary = environment.endsWith('_DIR') ? 'filepath' : type === 'number' ? 'number' : 'string';
  const fallback = toggle ? 'false' : settingDefault(environment);
  const entry: RegistryVariable = {
    name: environment,
    description: description.replaceAll('`', '"'),
    isRequired: false,
    isSecret: flag === undefined,
    format: toggle ? 'boolean' : ordinary,
    ...(choices && !toggle && { choices }),
    ...(fallback !== undefined && { default: fallback }),
  };
  return entry;
}

/**
 * What registries are told, in the form of `server.json` (schema of 2025-12-11). They start the package over standard
 * input and output, so the settings of the HTTP server are left out; no address is listed, since none is run for others.
 */
export function registryEntry() {
  return {
    $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
    name: registryName,
    title: 'Digital Human',
    description:
      'Talking photos, avatar videos, narrated slides and dubbed clips on Tencent and Alibaba clouds.',
    version,
    packages: [
      {
        registryType: 'npm',
        identifier: 'digital-human-mcp',
        version,
        runtimeHint: 'npx',
        transport: { type: 'stdio' },
        environmentVariables: settingFacts
          .filter(({ description }) => !description.startsWith('`http`'))
          .map(variable),
      },
    ],
  };
}
