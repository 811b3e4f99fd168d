/** An S3-compatible bucket, and the keys to it. */
export interface BucketSettings {
  /** `https://oss-cn-beijing.aliyuncs.com`: the service, without the bucket. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Before every object's name; empty, or ends with a slash. */
  readonly prefix: string;
  /** Where the bucket stands: in the path, or in front of the endpoint's name (OSS and COS want this). */
  readonly addressing: 'path' | 'virtual';
  /** Life of a link that is handed out; 604,800 (seven days) at most, and never longer than a session token's. */
  readonly linkSeconds: number;
}

/** The longest life that a Signature Version 4 query can have. */
export const longestLinkSeconds = 7 * 24 * 3600;

function objectAddress({ endpoint, bucket, addressing }: BucketSettings, key: string): URL {
  const url = new URL(endpoint);
  const base = url.pathname.replace(/\/+$/, '');
  if (addressing === 'virtual') url.hostname = `${bucket}.${url.hostname}`;
  url.pathname = `${base}${addressing === 'path' ? `/${bucket}` : ''}/${key}`;
  return url;
}

export interface LinkRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT';
  readonly key: string;
  readonly seconds: number;
  /** Media type that a reader is to be told, whatever was stored. */
  readonly contentType?: string;
}

/**
 * Signs an address for one object: the payload unsigned and `Host` the only signed header, so that a
 * stranger can use it with any plain HTTP request.
 * @param now epoch milliseconds
 */
export async function presign(settings: BucketSettings, request: LinkRequest, now: number): Promise<string> {
  const { AwsV4Signer } = await import('aws4fetch');
  const url = objectAddress(settings, request.key);
  url.searchParams.set('X-Amz-Expires', `${request.seconds}`);
  if (request.contentType) url.searchParams.set('response-content-type', request.contentType);
  const signer = new AwsV4Signer({
    method: request.method,
    url: url.href,
    accessKeyId: settings.accessKeyId,
    secretAccessKey: settings.secretAccessKey,
    sessionToken: settings.sessionToken,
    service: 's3',
    region: settings.region,
    datetime: new Date(now).toISOString().replaceAll(/[:-]|\.\d{3}/g, ''),
    signQuery: true,
  });
  return (await signer.sign()).url.href;
}
