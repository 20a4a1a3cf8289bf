import { client } from "holdfast/client";
import type directory from "./directory.ts";
import type { Others } from "./holdfast.ts";

/** A service as it is reached over HTTP. */
type Fetch = (request: Request) => Promise<Response>;

/** Services by their names, and what goes wrong between them. */
export interface Network {
  serve(name: string, fetch: Fetch): void;
  /** `well`; `down`: nobody answers; `hanging`: nobody answers, and nobody says so. */
  set(name: string, state: "well" | "down" | "hanging"): void;
  /** As the platform's: `fetch("http://directory/api/person/ada")`. */
  fetch(url: string, init?: RequestInit): Promise<Response>;
  /** Requests that have got that far. */
  count(name: string): number;
}

export function createNetwork(): Network {
  const services = new Map<string, Fetch>();
  const states = new Map<string, "well" | "down" | "hanging">();
  const counts = new Map<string, number>();
  return {
    serve: (name, fetch) => void services.set(name, fetch),
    set: (name, state) => void states.set(name, state),
    count: (name) => counts.get(name) ?? 0,
    async fetch(url, init) {
      const request = new Request(url, init);
      const { hostname } = new URL(url);
      const service = services.get(hostname);
      const state = states.get(hostname) ?? "well";
      counts.set(hostname, (counts.get(hostname) ?? 0) + 1);
      if (service === undefined || state === "down") throw new TypeError(`connect ECONNREFUSED ${hostname}`);
      if (state === "well") return service(request);
      return new Promise((_, reject) => {
        request.signal.addEventListener("abort", () => reject(request.signal.reason));
      });
    },
  };
}

/** The other services, by their names. */
export function othersOn({ fetch }: Pick<Network, "fetch">): Others {
  return {
    directory: {
      async employs(person, { timeoutMs, signal, headers }) {
        // Retries are `reach`'s: two of them would multiply.
        const { person: people } = client<typeof directory>({ url: "http://directory", fetch, headers, retriesMax: 0 });
        const { view } = await people(person, { signal, timeoutMs }).$view();
        return view.employed;
      },
    },
    mail: {
      async send(letter, { headers, signal }) {
        const body = JSON.stringify(letter);
        const response = await fetch("http://mail/letters", { method: "POST", headers, body, signal });
        if (!response.ok) throw new Error(`The mail server says ${response.status}.`);
      },
    },
  };
}

/** A mail server that honours keys: the same key again is the same letter. */
export function createMailServer(): { readonly sent: ReadonlyMap<string, string>; readonly fetch: Fetch } {
  const sent = new Map<string, string>();
  return {
    sent,
    async fetch(request) {
      const key = request.headers.get("idempotency-key");
      if (key === null) return new Response("Which letter?", { status: 400 });
      if (!sent.has(key)) sent.set(key, await request.text());
      return new Response(null, { status: 204 });
    },
  };
}
