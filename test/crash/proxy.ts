import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Address } from "./target.ts";

/** `request`: from client to server; `response`: the way back. */
export type Side = "request" | "response";

/** What becomes of one connection. Bytes are counted over all that pass on that side. */
export type Treatment =
  | { readonly kind: "pass" }
  /** Each piece of data waits, both ways. */
  | { readonly kind: "delay"; readonly ms: number }
  /** After so many bytes both ends are closed, in order or by a reset. */
  | { readonly kind: "cut"; readonly side: Side; readonly afterBytes: number; readonly reset: boolean }
  /** After so many bytes everything from that side vanishes, its end included: the other one is left half-open. */
  | { readonly kind: "swallow"; readonly side: Side; readonly afterBytes: number };

export interface Proxy {
  readonly address: Address;
  /** How many connections were treated so, those that were too short for it not counted. */
  readonly counts: { readonly [K in Treatment["kind"]]: number };
  /** Cuts the connections that there are. */
  cut(): void;
  /** Cuts what is left. Repeatable. */
  close(): Promise<void>;
}

/** Listens on a free port of this machine and hands each connection on to `upstream`, or resets it where nobody is there. */
export async function startProxy(upstream: () => Address | undefined, choose: () => Treatment): Promise<Proxy> {
  const counts = { pass: 0, delay: 0, cut: 0, swallow: 0 };
  const sockets = new Set<Socket>();
  let closing: Promise<unknown> | undefined;

  function keep(socket: Socket): Socket {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    return socket.setNoDelay(true);
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    keep(client);
    const to = upstream();
    if (to === undefined) {
      client.on("error", () => {});
      reset(client);
      return;
    }
    const treatment = choose();
    if (treatment.kind === "pass" || treatment.kind === "delay") counts[treatment.kind]++;
    const onBroken = (): void => void counts[treatment.kind]++;
    const target = keep(connect({ ...to, allowHalfOpen: true }));
    carry(client, target, sideOf(treatment, "request"), onBroken);
    carry(target, client, sideOf(treatment, "response"), onBroken);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("The proxy has no port.");
  function cut(): void {
    for (const socket of sockets) socket.destroy();
  }

  return {
    address: { host: "127.0.0.1", port: bound.port },
    counts,
    cut,
    async close() {
      closing ??= once(server.close(), "close");
      cut();
      await closing;
    },
  };
}

function sideOf(treatment: Treatment, side: Side): Treatment {
  return "side" in treatment && treatment.side !== side ? { kind: "pass" } : treatment;
}

/** Carries what comes from one end to the other, as far as the treatment lets it. `onBroken` is called once, if it does not. */
function carry(from: Socket, to: Socket, treatment: Treatment, onBroken: () => void): void {
  let passed = 0;
  let broken = false;
  /** Something waits, and what comes behind it must not overtake it. */
  let waits = false;
  let hasEnded = false;

  function finish(rest: Buffer): void {
    broken = true;
    onBroken();
    if (treatment.kind !== "cut") return void to.write(rest);
    const end = (): void => {
      for (const socket of [to, from]) {
        if (treatment.reset) reset(socket);
        else socket.destroySoon();
      }
    };
    if (rest.length === 0) end();
    else to.write(rest, end);
  }

  from.on("data", (data) => {
    if (broken) return;
    const limit = "afterBytes" in treatment ? treatment.afterBytes : Infinity;
    passed += data.length;
    if (passed >= limit) return finish(data.subarray(0, data.length - (passed - limit)));
    if (treatment.kind === "delay") {
      from.pause();
      waits = true;
      setTimeout(() => {
        waits = false;
        to.write(data);
        if (hasEnded) to.end();
        else from.resume();
      }, treatment.ms);
    } else if (!to.write(data)) {
      from.pause();
      to.once("drain", () => from.resume());
    }
  });
  from.on("end", () => {
    // Comes also while it is paused.
    hasEnded = true;
    if (!broken && !waits) to.end();
  });
  // A reset, or nobody there: the other end learns it the same way.
  from.on("error", () => {
    if (!broken && !to.destroyed) reset(to);
  });
}

/** Node 24 loses the handle of a socket that is reset while its end is still on its way: the process could not exit. */
function reset(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
