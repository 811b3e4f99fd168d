import type { CloudConnection } from '../clouds/exchange.ts';
import { Failure, quoted } from '../core/failure.ts';
import type { MediaKind } from '../core/operation.ts';
import type { Bucket } from './bucket.ts';
import type { OpenLocalFile } from './local-file.ts';

/** How a file of this machine reaches a cloud: inside the request, or at an address. */
export type Delivered =
  | { readonly way: 'inline'; readonly base64: string }
  | { readonly way: 'address'; readonly url: string };

export interface Parcel {
  readonly file: OpenLocalFile;
  readonly kind: MediaKind;
  /** As found by its content. */
  readonly format: string;
  /** Base64 characters that still fit into the request; 0 where the field takes none. */
  readonly inlineRoom: number;
  /** The model for which a cloud's own store keeps the file. */
  readonly model: string;
}

const mimeTypes: Readonly<Record<string, string>> = {
  jpg: 'image/jpeg',
  mp3: 'audio/mpeg',
  m4a: 'audio/mp4',
  mov: 'video/quicktime',
  avi: 'video/x-msvideo',
  wma: 'audio/x-ms-wma',
  pdf: 'application/pdf',
  ppt: 'application/vnd.ms-powerpoint',
  pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
};

const base64Length = (bytes: number) => 4 * Math.ceil(bytes / 3);

function noWay({ file, inlineRoom, kind }: Parcel): Failure {
  const tooLarge = inlineRoom > 0 ? ` With ${file.bytes} bytes it does not fit into the request itself.` : '';
  return new Failure({
    kind: 'unsupported',
    message: `The file ${quoted(file.name, 80)} lies on this machine, where the cloud cannot fetch it.${tooLarge} Nothing was sent.`,
    advice: `Three ways out: put the file at a public http or https address; or set DIGITAL_HUMAN_S3_ENDPOINT, _BUCKET and keys, so that this server stores files in your bucket; or use a tool that takes local files without one (${kind === 'image' ? 'submit_portrait_sing for a picture, video_retalk' : 'video_retalk'}).`,
  });
}

interface Underway {
  readonly done: Promise<string>;
  sentBytes: number;
  readonly totalBytes: number;
  /** When the address stops working; unknown while under way. */
  expiresAt?: number;
}

/**
 * Brings files of this machine to where a cloud can read them. A file goes there once: whoever names it again
 * while it is under way waits for the same upload, and afterwards gets the same address while it lasts.
 */
export class Deliveries {
  readonly #bucket: () => Promise<Bucket | undefined>;
  readonly #now: () => number;
  readonly #uploads = new Map<string, Underway>();

  constructor(bucket: () => Promise<Bucket | undefined>, now: () => number) {
    this.#bucket = bucket;
    this.#now = now;
  }

  /**
   * Starts what has to be uploaded and waits for it. The upload goes on when `signal` fires, so that a second
   * call finds it further on. The file is closed when it is no longer needed.
   *
   * @throws `unsupported` when there is no way for this file, and what the upload throws
   */
  async deliver(
    parcel: Parcel,
    connection: CloudConnection,
    progress: (sentBytes: number, totalBytes: number) => void,
    signal: AbortSignal,
  ): Promise<Delivered> {
    const { file } = parcel;
    // An upload that has begun keeps the file open until it ends.
    let kept = false;
    try {
      if (base64Length(file.bytes) <= parcel.inlineRoom)
        return { way: 'inline', base64: (await wholeOf(file)).toString('base64') };
      const bucket = connection.upload ? undefined : await this.#bucket();
      if (!connection.upload && !bucket) throw noWay(parcel);
      const key = `${connection.account} ${connection.upload ? parcel.model : 'bucket'} ${await file.sha256()}`;
      const known = this.#alive(key);
      kept = known === undefined;
      const underway = known ?? this.#start(key, parcel, connection, bucket);
      const timer = setInterval(() => progress(underway.sentBytes, underway.totalBytes), 1_000);
      try {
        return { way: 'address', url: await orStop(underway.done, signal) };
      } finally {
        clearInterval(timer);
      }
    } finally {
      if (!kept) await file.close();
    }
  }

  #alive(key: string): Underway | undefined {
    const known = this.#uploads.get(key);
    // An address that is about to die is of no use to a job that may have to wait for its turn.
    return known?.expiresAt === undefined || known.expiresAt - this.#now() > 12 * 3_600_000
      ? known
      : undefined;
  }

  #start(key: string, parcel: Parcel, connection: CloudConnection, bucket: Bucket | undefined): Underway {
    const { file, model, kind, format } = parcel;
    const counted = (sentBytes: number) => {
      underway.sentBytes = sentBytes;
    };
    const uploading = connection.upload
      ? connection.upload(model, file, { progress: counted })
      : bucket?.store(file, {
          contentType: mimeTypes[format] ?? `${kind}/${format}`,
          extension: format,
          progress: counted,
        });
    if (!uploading) throw noWay(parcel);
    const done = uploading.then(
      ({ url, expiresAt }) => {
        underway.expiresAt = expiresAt;
        return url;
      },
      (error: unknown) => {
        this.#uploads.delete(key);
        throw error;
      },
    );
    // Nobody may be waiting any more when it fails; the next call starts it again.
    const close = () => file.close();
    done.then(close, close).catch(() => undefined);
    const underway: Underway = { done, sentBytes: 0, totalBytes: file.bytes };
    this.#uploads.set(key, underway);
    return underway;
  }
}

async function wholeOf(file: OpenLocalFile): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of file.stream()) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Raised when a call's time is up while an upload goes on. */
export class StillUploading extends Error {}

function orStop<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new StillUploading());
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
