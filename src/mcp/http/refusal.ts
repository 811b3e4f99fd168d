/** A refusal outside of any tool, in JSON-RPC's form: what hosts can show. */
export function refusal(
  status: number,
  message: string,
  more: { code?: number; retryAfterSeconds?: number; id?: unknown } = {},
): Response {
  const id = typeof more.id === 'string' || typeof more.id === 'number' ? more.id : null;
  return Response.json(
    { jsonrpc: '2.0', error: { code: more.code ?? -32000, message }, id },
    {
      status,
      headers: more.retryAfterSeconds === undefined ? {} : { 'retry-after': String(more.retryAfterSeconds) },
    },
  );
}
