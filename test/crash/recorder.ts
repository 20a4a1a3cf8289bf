import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import type { Sighting } from "./app.ts";

export interface Recorder {
  readonly url: string;
  /** In the order in which they came. */
  readonly sightings: readonly Sighting[];
  close(): Promise<void>;
}

/** Notes what handlers say that they see. It outlives them, and has what they said last. */
export async function startRecorder(): Promise<Recorder> {
  const sightings: Sighting[] = [];
  const server = createServer(async (request, response) => {
    try {
      sightings.push(JSON.parse(await text(request)) as Sighting);
      response.writeHead(204).end();
    } catch {
      // Cut off in the middle: its process has died.
      response.destroy();
    }
  }).listen(0, "127.0.0.1");
  // A process that was stopped finds its connection as it was.
  server.keepAliveTimeout = 0;
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The recorder has no port.");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    sightings,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Tells the recorder, as often as it takes. */
export async function report(recorder: string, sighting: Sighting): Promise<void> {
  const body = JSON.stringify(sighting);
  for (;;) {
    try {
      const response = await fetch(recorder, { method: "POST", body });
      await response.arrayBuffer();
      if (response.ok) return;
    } catch {
      await new Promise<void>((resolve) => void setTimeout(resolve, 5));
    }
  }
}
