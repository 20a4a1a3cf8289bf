import type { ServiceBusClient } from "@azure/service-bus";

/** A client with a connection of its own. */
interface Connection {
  readonly client: ServiceBusClient;
  /** How many sessions it holds. */
  sessions: number;
}

/** Of one connection: whatever the client does with a session, it looks at all that the connection has. */
const sessionsMax = 32;

/** Clients for any number of sessions. */
export function createConnections(connect: () => ServiceBusClient): { free(): Connection } {
  const connections: Connection[] = [];
  return {
    free() {
      const free = connections.find(({ sessions }) => sessions < sessionsMax);
      if (free) return free;
      const connection = { client: connect(), sessions: 0 };
      connections.push(connection);
      return connection;
    },
  };
}
