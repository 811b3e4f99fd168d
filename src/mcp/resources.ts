import { type ReadResourceResult, ResourceNotFoundError } from '@modelcontextprotocol/server';
import { Failure, foreignText } from '../core/failure.ts';
import type { Application } from './application.ts';
import type { Caller } from './caller.ts';
import { sentencesOf } from './job-result.ts';
import { answerFor } from './job-tools.ts';
import { operationPage } from './operation-page.ts';
import { collectionUris, itemOf, operationUri } from './resource-uris.ts';
import type { CatalogEntry } from './catalog.ts';

const json = 'application/json';
const markdown = 'text/markdown';
const jobsShown = 50;

/** The fixed resources. Jobs are reached through the template: listing them all would grow without end. */
export function listResources(entries: readonly CatalogEntry[]) {
  const pages = entries
    .filter(({ submits }) => submits)
    .map(({ definition }) => ({
      uri: operationUri(definition.name),
      name: definition.name,
      title: definition.title,
      description: 'Documented limits, fields, errors and an example.',
      mimeType: markdown,
    }));
  return {
    resources: [
      {
        uri: collectionUris.jobs,
        name: 'jobs',
        title: 'Jobs',
        description: `The newest ${jobsShown} jobs. Subscribe to hear of every change.`,
        mimeType: json,
      },
      {
        uri: collectionUris.operations,
        name: 'operations',
        title: 'Operations',
        description: 'What can be made, and where each is documented.',
        mimeType: json,
      },
      ...pages,
    ],
  };
}

export function listTemplates() {
  return {
    resourceTemplates: [
      {
        uriTemplate: `${collectionUris.jobs}/{job_id}`,
        name: 'job',
        title: 'One job',
        description: 'State and results. Subscribe to hear of every change.',
        mimeType: json,
      },
      {
        uriTemplate: `${collectionUris.operations}/{tool}`,
        name: 'operation',
        title: 'One operation',
        description: 'Documented limits, fields, errors and an example.',
        mimeType: markdown,
      },
    ],
  };
}

async function textOf(
  application: Application,
  uri: string,
  caller: Caller,
): Promise<{ mimeType: string; text: string } | undefined> {
  const asJson = (value: unknown) => ({ mimeType: json, text: JSON.stringify(value, null, 2) });
  if (uri === collectionUris.jobs) {
    const jobs = await application.jobs(caller);
    const newest = await jobs.list({ limit: jobsShown });
    const answers = await Promise.all(newest.map((job) => answerFor(application, job, caller)));
    return asJson({ jobs: answers.map(({ structured }) => structured) });
  }
  const jobId = itemOf('jobs', uri);
  if (jobId !== undefined) {
    const jobs = await application.jobs(caller);
    const job = await jobs.get(jobId);
    const { structured } = await answerFor(application, job, caller);
    return asJson({ ...structured, ...sentencesOf(job) });
  }
  const operations = await application.operations();
  if (uri === collectionUris.operations) {
    const rows = operations.map(({ name, title, description, wire }) => ({
      tool: name,
      title,
      description,
      cloud: wire.cloud,
      documentation: wire.documentation,
      resource: operationUri(name),
    }));
    return asJson({ operations: rows });
  }
  const tool = itemOf('operations', uri);
  const operation = operations.find(({ name }) => name === tool);
  return operation && { mimeType: markdown, text: operationPage(operation) };
}

/** Reads one resource; an address that leads nowhere is the protocol's own not-found error. */
export async function readResource(
  application: Application,
  uri: string,
  caller: Caller,
): Promise<ReadResourceResult> {
  try {
    const found = await textOf(application, uri, caller);
    if (found) return { contents: [{ uri, ...found }] };
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'not_found') throw error;
  }
  throw new ResourceNotFoundError(foreignText(uri, 200));
}
