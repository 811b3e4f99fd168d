export function isStream(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
}

/**
 * Calls back once when a response has been sent to its end, or its reader has gone. A stream is opened
 * at once with a comment, so that its reader learns that it stands; and it ends at once when the reader
 * has gone, so that the next connection may take its place.
 */
export function whenDone(response: Response, gone: AbortSignal, done: () => void): Response {
  if (!isStream(response) || response.body === null) {
    done();
    return response;
  }
  let told = false;
  const once = () => {
    if (!told) done();
    told = true;
  };
  gone.addEventListener('abort', once, { once: true });
  if (gone.aborted) once();
  const opened = new TransformStream<Uint8Array, Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(': open\n\n')),
    flush: once,
  });
  return new Response(response.body.pipeThrough(opened, { signal: gone }), response);
}
