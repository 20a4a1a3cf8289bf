import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import type { Sighting } from "./app.ts";
import type { Deed } from "./errand.ts";

export interface Recorder {
  readonly url: string;
  /** In the order in which they came. */
  readonly sightings: readonly Sighting[];
  /** In the order in which they came. */
  readonly deeds: readonly Deed[];
  close(): Promise<void>;
}

const deedsPath = "deeds";

/** Notes what handlers say that they see, and what steps of workflows say that they do. It outlives them, and has what they said last. */
export async function startRecorder(): Promise<Recorder> {
  const sightings: Sighting[] = [];
  const deeds: Deed[] = [];
  const server = createServer(async (request, response) => {
    try {
      const said: unknown = JSON.parse(await text(request));
      // By its path it is one or the other.
      if (request.url === `/${deedsPath}`) deeds.push(said as Deed);
      else sightings.push(said as Sighting);
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
    deeds,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Tells the recorder, as often as it takes. */
export function report(recorder: string, sighting: Sighting): Promise<void> {
  return tell(recorder, sighting);
}

/** Has it done, as often as it takes. */
export function perform(recorder: string, deed: Deed): Promise<void> {
  return tell(recorder + deedsPath, deed);
}

async function tell(url: string, said: Sighting | Deed): Promise<void> {
  const body = JSON.stringify(said);
  for (;;) {
    try {
      const response = await fetch(url, { method: "POST", body });
      await response.arrayBuffer();
      if (response.ok) return;
    } catch {
      await new Promise<void>((resolve) => void setTimeout(resolve, 5));
    }
  }
}
