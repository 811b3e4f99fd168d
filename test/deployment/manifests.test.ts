import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { settings } from '../../src/settings.ts';
import { root } from '../harness/processes.ts';
import { instructions } from './dockerfile.ts';

const read = (name: string) => readFileSync(join(root, 'deploy', name), 'utf8');
const known = new Set(Object.keys(settings.shape));
const image = instructions(read('Dockerfile'));
const restOf = (word: string) => image.find((each) => each.word === word)?.rest;
/** Settings are ours; what PostgreSQL's image takes is not. */
const strangers = (names: readonly string[]) =>
  names.filter((name) => !known.has(name) && !/^(POSTGRES_|PGDATA)/.test(name));

interface Container {
  readonly name: string;
  readonly image: string;
  readonly ports: ReadonlyArray<{ name: string; containerPort: number }>;
  readonly env?: ReadonlyArray<{ name: string; value: string }>;
  readonly envFrom?: ReadonlyArray<{ secretRef: { name: string } }>;
  readonly volumeMounts: ReadonlyArray<{ name: string; mountPath: string }>;
  readonly securityContext?: Record<string, unknown>;
  readonly livenessProbe?: { httpGet: { path: string; port: string } };
  readonly readinessProbe?: { httpGet?: { path: string; port: string } };
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly stringData?: Record<string, string>;
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: Record<string, unknown> & { matchLabels?: Record<string, string> };
    readonly ports?: ReadonlyArray<{ targetPort?: string }>;
    readonly template: {
      readonly metadata: { readonly labels: Record<string, string> };
      readonly spec: {
        readonly terminationGracePeriodSeconds?: number;
        readonly securityContext?: Record<string, unknown>;
        readonly containers: readonly Container[];
        readonly volumes?: ReadonlyArray<{ name: string; secret?: { secretName: string } }>;
      };
    };
  };
}

describe('the Kubernetes example', () => {
  const documents = parseAllDocuments(read('kubernetes.yaml'));
  const manifests = documents.map((document) => document.toJS() as Manifest);
  const one = (kind: string, name: string) => {
    const found = manifests.filter((each) => each.kind === kind && each.metadata.name === name);
    if (found.length !== 1) throw new Error(`${found.length} of ${kind} ${name}`);
    return found[0] as Manifest;
  };
  const deployment = one('Deployment', 'digital-human-mcp');
  const pod = deployment.spec.template.spec;
  const [server] = pod.containers as [Container];

  it('is whole, and says only what there is', () => {
    expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
    expect(manifests).toHaveLength(9);
    expect(
      manifests.filter(
        ({ kind, metadata }) => kind !== 'Namespace' && metadata.namespace !== 'digital-human',
      ),
    ).toEqual([]);
    const secrets = Object.keys(one('Secret', 'digital-human-mcp').stringData ?? {});
    const names = [...secrets, ...(server.env ?? []).map(({ name }) => name)];
    expect(names.length).toBeGreaterThanOrEqual(8);
    expect(strangers(names)).toEqual([]);
    expect(names).toContain('DIGITAL_HUMAN_DATABASE_URL');
    const wanted = pod.volumes?.flatMap(({ secret }) => (secret ? [secret.secretName] : [])) ?? [];
    for (const name of [...wanted, ...(server.envFrom ?? []).map(({ secretRef }) => secretRef.name)])
      expect(one('Secret', name).kind).toBe('Secret');
    const tokens = server.env?.find(({ name }) => name === 'DIGITAL_HUMAN_HTTP_TOKENS_FILE')?.value ?? '';
    expect(Object.keys(one('Secret', 'digital-human-mcp-tokens').stringData ?? {})).toEqual([
      tokens.split('/').at(-1),
    ]);
  });

  it('runs two replicas that may write their data and nothing else', () => {
    expect(deployment.spec.replicas).toBe(2);
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true });
    expect(server.securityContext).toMatchObject({
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
    });
    expect(server.volumeMounts.map(({ mountPath }) => mountPath)).toContain(restOf('VOLUME'));
    expect(server.ports.map(({ containerPort }) => `${containerPort}`)).toEqual([restOf('EXPOSE')]);
    expect(server.livenessProbe?.httpGet.path).toBe('/healthz');
    expect(server.readinessProbe?.httpGet?.path).toBe('/readyz');
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(
      settings.shape.DIGITAL_HUMAN_HTTP_DRAIN_SECONDS.parse(undefined),
    );
    expect(deployment.spec.selector?.matchLabels).toEqual(deployment.spec.template.metadata.labels);
    expect(one('Service', 'digital-human-mcp').spec.selector).toEqual(
      deployment.spec.template.metadata.labels,
    );
  });
});

describe('the compose file', () => {
  interface Service {
    readonly build?: { context: string; dockerfile: string };
    readonly deploy?: { replicas: number };
    readonly ports?: readonly string[];
    readonly environment: Record<string, string>;
    readonly read_only?: boolean;
    readonly tmpfs?: readonly string[];
    readonly secrets?: readonly string[];
    readonly depends_on?: Record<string, unknown>;
  }
  const file = parse(read('compose.yaml')) as {
    services: Record<string, Service>;
    secrets: Record<string, unknown>;
  };

  it('runs two replicas of the image on one PostgreSQL, read-only, with settings that exist', () => {
    const { server, postgres } = file.services as { server: Service; postgres: Service };
    expect(Object.keys(file.services)).toEqual(['server', 'postgres']);
    expect(
      existsSync(resolve(root, 'deploy', server.build?.context ?? '', server.build?.dockerfile ?? '-')),
    ).toBe(true);
    expect(server.deploy?.replicas).toBe(2);
    expect(server.read_only).toBe(true);
    expect(server.tmpfs?.map((mount) => mount.split(':')[0])).toEqual([restOf('VOLUME')]);
    expect(
      server.ports?.every((port) => port.startsWith('127.0.0.1:') && port.endsWith(`:${restOf('EXPOSE')}`)),
    ).toBe(true);
    expect(Object.keys(server.environment).length).toBeGreaterThanOrEqual(8);
    expect(strangers(Object.keys(server.environment))).toEqual([]);
    expect(Object.keys(file.secrets)).toEqual(server.secrets);
    expect(Object.keys(server.depends_on ?? {})).toEqual(['postgres']);
    const { POSTGRES_USER: user, POSTGRES_DB: database } = postgres.environment;
    expect(server.environment.DIGITAL_HUMAN_DATABASE_URL).toMatch(
      new RegExp(`^postgres://${user}:.*@postgres/${database}$`),
    );
  });
});
