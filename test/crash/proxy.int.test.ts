import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { startProxy, type Proxy, type Treatment } from "./proxy.ts";

const open: { destroy(): unknown }[] = [];
const proxies: Proxy[] = [];

afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
});

/** One end of a connection, with what has come out of it. */
interface End {
  readonly socket: Socket;
  received(): string;
  /** Resolves when so much has come. */
  until(text: string): Promise<void>;
  /** How it ended: by the other end's FIN, by a reset, or not so far. */
  ended(): "fin" | "reset" | undefined;
}

function watched(socket: Socket): End {
  open.push(socket);
  let text = "";
  let how: "fin" | "reset" | undefined;
  socket.on("data", (data) => void (text += data.toString()));
  socket.on("end", () => void (how ??= "fin"));
  socket.on("error", () => void (how ??= "reset"));
  return {
    socket,
    received: () => text,
    async until(wanted) {
      while (text !== wanted) await once(socket, "data");
    },
    ended: () => how,
  };
}

/** A client and a server with a proxy between them. */
async function connected(treatment: Treatment) {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  open.push({ destroy: () => server.close() });
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const accepted = once(server, "connection");
  const proxy = await startProxy(
    () => ({ host: "127.0.0.1", port: address.port }),
    () => treatment,
  );
  proxies.push(proxy);
  const client = watched(connect({ ...proxy.address, allowHalfOpen: true }));
  const [socket] = (await accepted) as [Socket];
  return { proxy, client, server: watched(socket) };
}

/** Whether in order or by an error. */
const closed = ({ socket }: End): Promise<void> =>
  new Promise((resolve) => (socket.closed ? resolve() : void socket.once("close", () => resolve())));

test.each<Treatment>([{ kind: "pass" }, { kind: "delay", ms: 5 }])(
  "$kind carries both ways, and each end's end",
  async (treatment) => {
    const { proxy, client, server } = await connected(treatment);
    client.socket.end("question");
    await server.until("question");
    if (!server.ended()) await once(server.socket, "end");
    server.socket.end("answer");
    await Promise.all([client.until("answer"), closed(client)]);
    expect(client.ended()).toBe("fin");
    expect(proxy.counts[treatment.kind]).toBe(1);
  },
);

test("a cut request reaches the server in part; both ends are closed", async () => {
  const { proxy, client, server } = await connected({ kind: "cut", side: "request", afterBytes: 4, reset: false });
  client.socket.write("question");
  await server.until("ques");
  // They may close once the proxy has.
  for (const { socket } of [client, server]) socket.end();
  await Promise.all([closed(client), closed(server)]);
  expect(server.received()).toBe("ques");
  expect(proxy.counts.cut).toBe(1);
});

test("a cut by reset is an error at both ends", async () => {
  const { client, server } = await connected({ kind: "cut", side: "response", afterBytes: 4, reset: true });
  client.socket.write("question");
  await server.until("question");
  server.socket.write("answer");
  await Promise.all([closed(client), closed(server)]);
  expect([client.ended(), server.ended()]).toEqual(["reset", "reset"]);
  expect("answ".startsWith(client.received())).toBe(true);
});

test("what a server answers into a black hole, its end included, never comes; what the client sends still does", async () => {
  const { proxy, client, server } = await connected({ kind: "swallow", side: "response", afterBytes: 4 });
  client.socket.write("question");
  await server.until("question");
  server.socket.end("answer");
  await client.until("answ");
  client.socket.write("?");
  await server.until("question?");
  expect([client.received(), client.ended()]).toEqual(["answ", undefined]);
  expect(proxy.counts.swallow).toBe(1);
});

test("a client that goes away in a black hole leaves the server with half a request, until the proxy is closed", async () => {
  const { proxy, client, server } = await connected({ kind: "swallow", side: "request", afterBytes: 4 });
  client.socket.write("question");
  await server.until("ques");
  client.socket.destroy();
  await closed(client);
  server.socket.write("answer");
  expect(server.ended()).toBeUndefined();
  await proxy.close();
  await closed(server);
});

test("nobody behind it is a reset", async () => {
  const proxy = await startProxy(
    () => undefined,
    () => ({ kind: "pass" }),
  );
  proxies.push(proxy);
  const client = watched(connect(proxy.address));
  await closed(client);
  expect(client.ended()).toBe("reset");
});

test("cuts what there is, and takes new connections", async () => {
  const { proxy, client, server } = await connected({ kind: "pass" });
  client.socket.write("hello");
  await server.until("hello");
  proxy.cut();
  await expect.poll(() => [client.ended(), server.ended()]).toEqual(["fin", "fin"]);
  const next = watched(connect({ ...proxy.address }));
  await once(next.socket, "connect");
  expect(next.ended()).toBeUndefined();
});
