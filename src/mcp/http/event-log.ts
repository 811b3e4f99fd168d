import type { EventStore, JSONRPCMessage } from '@modelcontextprotocol/server';

const maxEvents = 256;
const maxBytes = 256 * 1024;

interface Entry {
  readonly sequence: number;
  readonly streamId: string;
  readonly text: string;
}

/**
 * What one session was sent last, so that a client whose connection broke is sent what it missed.
 * Bounded: of a longer absence the oldest events are gone. Nothing is lost with them, because job
 * notifications only say "look again", and results are kept by the job store.
 */
export class EventLog implements EventStore {
  readonly #entries: Entry[] = [];
  #bytes = 0;
  #sequence = 0;

  storeEvent(streamId: string, message: JSONRPCMessage): Promise<string> {
    const text = JSON.stringify(message);
    const sequence = ++this.#sequence;
    this.#entries.push({ sequence, streamId, text });
    this.#bytes += text.length;
    while (this.#entries.length > 1 && (this.#entries.length > maxEvents || this.#bytes > maxBytes))
      this.#bytes -= this.#entries.shift()?.text.length ?? 0;
    return Promise.resolve(`${sequence}.${streamId}`);
  }

  /** The id names its stream, so that a client can resume where the event itself is no longer kept. */
  getStreamIdForEventId(eventId: string): Promise<string | undefined> {
    const { sequence, streamId } = this.#read(eventId);
    const issued = sequence >= 1 && sequence <= this.#sequence;
    return Promise.resolve(issued ? streamId : undefined);
  }

  async replayEventsAfter(
    lastEventId: string,
    { send }: { send: (eventId: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const { sequence, streamId } = this.#read(lastEventId);
    const missed = this.#entries.filter((entry) => entry.streamId === streamId && entry.sequence > sequence);
    for (const entry of missed)
      await send(`${entry.sequence}.${streamId}`, JSON.parse(entry.text) as JSONRPCMessage);
    return streamId;
  }

  #read(eventId: string): { sequence: number; streamId: string } {
    const [, sequence = '', streamId = ''] = /^(\d{1,15})\.([\w-]{1,64})$/.exec(eventId) ?? [];
    return { sequence: Number(sequence || Number.NaN), streamId };
  }
}
