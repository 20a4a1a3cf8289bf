import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { startProxy } from "./proxy.ts";
import type { Address } from "./target.ts";

/** The way to a service that can be over its limit. */
export interface Throttle {
  readonly address: Address;
  /** From now on every request is refused, and has no effect; or no more. Connections are cut. */
  set(isOn: boolean): void;
  close(): Promise<void>;
}

/** What the service says to a request that is too much. */
export interface Refusal {
  readonly status: number;
  /** Of the body. */
  readonly type: string;
  readonly body: string;
}

/** @param refusal in the service's own words */
export async function startThrottle(
  service: Address,
  refusal: (request: IncomingMessage) => Refusal,
): Promise<Throttle> {
  const server = createServer((request, response) => {
    request.resume().once("end", () => {
      const { status, type, body } = refusal(request);
      response.writeHead(status, { "content-type": type }).end(body);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("The throttle has no port.");
  const refusing = { host: "127.0.0.1", port: bound.port };
  let isThrottled = false;
  const proxy = await startProxy(
    () => (isThrottled ? refusing : service),
    () => ({ kind: "pass" }),
  );
  return {
    address: proxy.address,
    set(isOn) {
      isThrottled = isOn;
      proxy.cut();
    },
    async close() {
      await proxy.close();
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
