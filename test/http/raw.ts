import { connect as connectSocket } from 'node:net';

const base = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

let lastId = 0;

/** Posts one JSON-RPC message, as a caller who minds no rule of a library would. */
export function post(
  url: string,
  message: { method: string; params?: unknown; id?: number | null },
  headers: Record<string, string> = {},
): Promise<Response> {
  const { id = ++lastId, ...rest } = message;
  return fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { ...base, ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', ...(id !== null && { id }), ...rest }),
  });
}

/** Opens a session of the 2025 protocol and returns the headers that belong to it. */
export async function openRawSession(
  url: string,
  headers: Record<string, string> = {},
): Promise<Record<string, string>> {
  const clientInfo = { name: 'raw', version: '1' };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  const reply = await post(url, { method: 'initialize', params }, headers);
  await reply.text();
  const id = reply.headers.get('mcp-session-id');
  if (!id) throw new Error(`no session: HTTP ${reply.status}`);
  const session = { ...headers, 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' };
  await (await post(url, { method: 'notifications/initialized', id: null }, session)).text();
  return session;
}

/** The JSON-RPC messages of a reply, whether it came as JSON or as events. */
export async function messagesOf(reply: Response): Promise<Array<Record<string, unknown>>> {
  const text = await reply.text();
  const parts = reply.headers.get('content-type')?.startsWith('text/event-stream')
    ? text
        .split('\n')
        .filter((line) => line.startsWith('data: {'))
        .map((line) => line.slice('data: '.length))
    : [text];
  return parts.map((part) => JSON.parse(part) as Record<string, unknown>);
}

export interface RawEvent {
  readonly id?: string;
  readonly data: string;
}

/** An open GET stream whose events can be awaited one by one. */
export class RawStream {
  readonly status: number;
  readonly #reader: ReadableStreamDefaultReader<string> | undefined;
  readonly #abort: AbortController;
  #buffer = '';

  private constructor(reply: Response, abort: AbortController) {
    this.status = reply.status;
    this.#reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader();
    this.#abort = abort;
  }

  static async open(url: string, headers: Record<string, string>): Promise<RawStream> {
    const abort = new AbortController();
    const all = { ...headers, accept: 'text/event-stream' };
    return new RawStream(await fetch(`${url}/mcp`, { headers: all, signal: abort.signal }), abort);
  }

  /** The next event with data; undefined when the server ended the stream properly. */
  async next(): Promise<RawEvent | undefined> {
    for (;;) {
      const end = this.#buffer.indexOf('\n\n');
      if (end >= 0) {
        const lines = this.#buffer.slice(0, end).split('\n');
        this.#buffer = this.#buffer.slice(end + 2);
        const field = (name: string) =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        const data = field('data');
        if (data) return { id: field('id'), data };
        continue;
      }
      const { done, value } = (await this.#reader?.read()) ?? { done: true, value: undefined };
      if (done) return undefined;
      this.#buffer += value;
    }
  }

  cut(): void {
    this.#abort.abort();
  }
}

/** Sends bytes as they are and returns all that comes back until the server closes or `ms` have passed. */
export function rawExchange(url: string, parts: readonly string[], ms = 5_000, gapMs = 0): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connectSocket(Number(port), hostname);
    let received = '';
    const timer = setTimeout(() => socket.destroy(), ms);
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(received);
    });
    void (async () => {
      for (const part of parts) {
        if (socket.destroyed) return;
        socket.write(part, 'latin1');
        if (gapMs > 0) await new Promise((done) => setTimeout(done, gapMs));
      }
    })();
  });
}
