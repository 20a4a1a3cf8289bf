import { once } from "node:events";
import { createServer } from "node:http";
import { startProxy } from "../proxy.ts";
import type { Address } from "../target.ts";

/** The way to a service that can be over its limit. */
export interface Throttle {
  readonly address: Address;
  /** From now on every request is refused, and has no effect; or no more. Connections are cut. */
  set(isOn: boolean): void;
  close(): Promise<void>;
}

/** In the words of DynamoDB and SQS, which speak JSON, or of SNS. Source: the common errors of their API references. */
const refusals = {
  json: {
    type: "application/x-amz-json-1.0",
    body: '{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"Rate exceeded"}',
  },
  xml: {
    type: "text/xml",
    body: "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>",
  },
} as const;

export async function startThrottle(service: Address): Promise<Throttle> {
  const server = createServer((request, response) => {
    request.resume().once("end", () => {
      const { type, body } = refusals[request.headers["content-type"]?.includes("json") ? "json" : "xml"];
      response.writeHead(400, { "content-type": type }).end(body);
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
