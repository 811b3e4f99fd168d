/** The public addresses of resources. */
export const collectionUris = {
  jobs: 'digital-human://jobs',
  operations: 'digital-human://operations',
} as const;

export const jobUri = (id: string) => `${collectionUris.jobs}/${id}`;
export const operationUri = (tool: string) => `${collectionUris.operations}/${tool}`;

/** The last part of an address below a collection, or undefined when it is no such address. */
export function itemOf(collection: keyof typeof collectionUris, uri: string): string | undefined {
  const prefix = `${collectionUris[collection]}/`;
  const item = uri.startsWith(prefix) ? uri.slice(prefix.length) : '';
  return /^[\w-]{1,64}$/.test(item) ? item : undefined;
}

export function isKnownUri(uri: string): boolean {
  const collections: readonly string[] = Object.values(collectionUris);
  return (
    collections.includes(uri) || itemOf('jobs', uri) !== undefined || itemOf('operations', uri) !== undefined
  );
}
