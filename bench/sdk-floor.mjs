// The least that a server of the SDK can do: no tools, nothing of ours. What it takes more than floor.mjs is the SDK's.
import { Server } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

serveStdio(() => {
  const server = new Server({ name: 'floor', version: '1' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', () => ({ tools: [] }));
  return server;
});
process.stdin.once('end', () => process.exit(0));
