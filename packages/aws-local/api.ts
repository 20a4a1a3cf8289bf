import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Invoke } from "./functions.ts";

/** The answer of the handler. */
interface Answer {
  readonly statusCode: number;
  readonly headers?: { readonly [name: string]: string };
  readonly cookies?: string[];
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

/** Largest request, bytes. Source: Lambda's 6 MB for an event, less what base64 adds. */
const bodyBytesMax = 4 * 1024 * 1024;

/** A Function URL on the loopback interface: a request becomes an event in payload format 2.0, the answer a response. */
export async function startApi(invoke: Invoke, port: number, seconds: number) {
  const server = createServer((request, response) => {
    answer(request, response).catch(() => {
      response.writeHead(502, { "Content-Type": "application/json" }).end('{"message":"Internal Server Error"}');
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bodyBytesMax) return void response.writeHead(413, { Connection: "close" }).end('{"message":null}');
      chunks.push(chunk);
    }
    const answered = (await invoke("http", eventOf(request, Buffer.concat(chunks)), seconds)) as Answer;
    const body = Buffer.from(answered.body ?? "", answered.isBase64Encoded ? "base64" : "utf8");
    response.writeHead(answered.statusCode, {
      ...answered.headers,
      ...(answered.cookies && { "Set-Cookie": answered.cookies }),
    });
    response.end(request.method === "HEAD" ? undefined : body);
  }

  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  // It listens on a TCP port, so it has one.
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${taken}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Source: docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html */
function eventOf({ url = "/", method = "GET", headers, socket }: IncomingMessage, body: Buffer): object {
  const at = url.indexOf("?");
  const rawPath = at < 0 ? url : url.slice(0, at);
  const rawQueryString = at < 0 ? "" : url.slice(at + 1);
  const { cookie, ...others } = headers;
  const isText = isValidText(body);
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString,
    ...(cookie !== undefined && { cookies: cookie.split("; ") }),
    headers: Object.fromEntries(Object.entries(others).map(([name, value]) => [name, [value].flat().join(",")])),
    queryStringParameters: Object.fromEntries(new URLSearchParams(rawQueryString)),
    requestContext: {
      accountId: "anonymous",
      domainName: headers.host ?? "localhost",
      http: {
        method,
        path: rawPath,
        protocol: "HTTP/1.1",
        sourceIp: socket.remoteAddress,
        userAgent: headers["user-agent"],
      },
      requestId: randomUUID(),
      routeKey: "$default",
      stage: "$default",
      time: new Date().toISOString(),
      timeEpoch: Date.now(),
    },
    ...(body.length > 0 && { body: isText ? body.toString() : body.toString("base64") }),
    isBase64Encoded: body.length > 0 && !isText,
  };
}

function isValidText(body: Buffer): boolean {
  return Buffer.from(body.toString()).equals(body);
}
