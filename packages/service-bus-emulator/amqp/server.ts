import type { AddressInfo, Server, Socket } from "node:net";
import type { Broker, Peer } from "./broker.ts";
import { serveClaims, serveManagement } from "./management.ts";
import { type SenderLink, serveReceiver } from "./receivers.ts";
import {
  abandon,
  answerAttach,
  type Connection,
  createContainer,
  holdAttach,
  type Receiver,
  type Sender,
  type Session,
  socketOf,
} from "./rhea.ts";
import { messageBytesMax, serveSender } from "./senders.ts";

export interface AmqpServer {
  readonly port: number;
  /** Cuts all connections, as a network does. */
  cut(): void;
  stop(): Promise<void>;
}

interface Connected extends Peer {
  /** What to do when a link has ended. */
  readonly links: Map<Sender, SenderLink>;
}

const managementSuffix = /\/\$management$/iu;
const claims = "$cbs";

function isService(address: string): boolean {
  return address === claims || managementSuffix.test(address);
}

/** Serves AMQP 1.0 on plain TCP, without authentication. */
export async function listen(broker: Broker, host: string, port: number): Promise<AmqpServer> {
  const container = createContainer();
  const peers = new WeakMap<Connection, Connected>();
  const sockets = new Set<Socket>();

  function peerOf(connection: Connection): Connected {
    const known = peers.get(connection);
    if (known) return known;
    const socket = socketOf(connection);
    const links: Connected["links"] = new Map();
    const peer: Connected = { responders: new Map(), accepted: new Map(), links, cut: () => void socket.destroy() };
    peers.set(connection, peer);
    // rhea hears of a connection's end only when the other side says so.
    socket.once("close", () => {
      endAll(peer);
      abandon(connection);
    });
    return peer;
  }

  function endAll({ links, responders }: Connected, session?: Session): void {
    for (const [link, { ended }] of links) {
      if (session && link.session !== session) continue;
      links.delete(link);
      ended();
    }
    if (!session) responders.clear();
  }

  function respond(peer: Connected, link: Sender): void {
    const names = [link.name, link.target?.address].filter((name) => name !== undefined && name !== null);
    for (const name of names) peer.responders.set(name, link);
    const ended = (): void => {
      for (const name of names) if (peer.responders.get(name) === link) peer.responders.delete(name);
    };
    peer.links.set(link, { ended, detached: ended });
    link.set_source({ address: link.source.address });
    // Nothing waits for the client to settle an answer.
    answerAttach(link, { snd_settle_mode: 1 });
  }

  // Every connection is known from its beginning, or nobody would hear of its end.
  container.on("connection_open", ({ connection }: { connection: Connection }) => void peerOf(connection));
  container.on("sender_open", ({ connection, sender }: { connection: Connection; sender: Sender }) => {
    const peer = peerOf(connection);
    if (isService(sender.source?.address ?? "")) return respond(peer, sender);
    holdAttach(sender);
    peer.links.set(sender, serveReceiver(broker, peer, sender));
  });
  container.on("receiver_open", ({ connection, receiver }: { connection: Connection; receiver: Receiver }) => {
    const peer = peerOf(connection);
    const address = receiver.target?.address ?? "";
    if (address === claims) serveClaims(peer, receiver);
    else if (isService(address)) serveManagement(broker, peer, receiver, address.replace(managementSuffix, ""));
    else {
      holdAttach(receiver);
      serveSender(broker, peer, receiver);
    }
  });
  container.on("sender_close", ({ connection, sender }: { connection: Connection; sender: Sender }) => {
    const { links } = peerOf(connection);
    links.get(sender)?.detached();
    links.delete(sender);
  });
  container.on("session_close", ({ connection, session }: { connection: Connection; session: Session }) =>
    endAll(peerOf(connection), session),
  );
  // Without a listener rhea throws them, or writes them to the console; a socket's end is all that matters.
  for (const event of [
    "disconnected",
    "connection_close",
    "connection_error",
    "session_error",
    "sender_error",
    "receiver_error",
  ]) {
    container.on(event, () => undefined);
  }

  // What breaks in here ends its connection; without a word nobody would find out why.
  for (const event of ["error", "protocol_error"]) {
    container.on(event, (error: unknown) => {
      process.emitWarning(
        `A connection failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    });
  }

  // rhea's typings do not know the options that links inherit.
  const server: Server = container.listen({
    host,
    port,
    // Or answers wait 40 ms for the next ones.
    tcp_no_delay: true,
    receiver_options: { autoaccept: false, autosettle: false, credit_window: 1_000, max_message_size: messageBytesMax },
    sender_options: { autosettle: false, treat_modified_as_released: false },
  } as never);
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => void sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("listening", resolve);
    server.once("error", reject);
  });

  function cut(): void {
    for (const socket of sockets) socket.destroy();
  }

  return {
    // A TCP server's address is not a string.
    port: (server.address() as AddressInfo).port,
    cut,
    async stop() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      cut();
      await closed;
    },
  };
}
