import { ServiceBusClient } from "@azure/service-bus";
import type { Faults } from "@holdfast/service-bus-emulator";
import type { Tables } from "@holdfast/tables-emulator";
import { createServiceBusBus } from "holdfast/azure/service-bus";
import { createMarkedTablesJournal, createTablesFailures, createTablesPlaces } from "holdfast/azure/tables";
import { on } from "holdfast";
import { onTestFinished } from "vitest";
import { createIdentity, openServiceBus } from "../../../src/azure/functions/clients.ts";
import { createInstance, type Instance, type InstancePorts } from "../../../src/azure/functions/instance.ts";
import type { App } from "../../../src/core/app.ts";
import type { Bus } from "../../../src/core/broker/bus.ts";
import { createSystem, type System } from "../../../src/core/runtime/system.ts";
import { counter, diary, h, newServices, type Services } from "../../../src/testing/conformance/delivery-app.ts";
import { clientAt, type Plan } from "../tables/fixtures.ts";
import { createDeployment, type Deployment } from "./deployment.ts";
import { createHands, type Hands } from "./hands.ts";
import { createTraffic } from "./traffic.ts";

/** An instance of the app, and who hands it messages. */
export interface Node extends Instance, Hands, Pick<InstancePorts, "journal" | "failures"> {
  readonly services: Services;
  /** What goes wrong between it and Table storage. */
  readonly wire: { plan: Plan };
  /** Its process stands still: no timer of it fires, no lock is renewed. Answers how it goes on. */
  standStill(): () => void;
}

/** Instances on one broker and one table, on one clock, which stands still while anything is under way. */
export interface World {
  readonly broker: Deployment["broker"];
  readonly system: System;
  /** What goes wrong at the broker. */
  faults: Faults;
  start(services?: Services): Promise<Node>;
  /** Lets that much time go by; whatever waits is taken by the first instance that takes it. 0: only what is there now. */
  pass(ms: number): Promise<void>;
}

const minute = 60_000;

/**
 * Notes each event of each counter. No place in its streams is remembered, as it is of subscriptions from the beginning: what
 * arrives twice is handled twice, and nothing but the keys of its commands makes the effects one.
 */
export const app: App<unknown, Services> = h.app({
  entities: [counter, diary],
  subscriptions: [
    h.subscription("diaries", {
      to: [on(counter.events.added)],
      maxAttempts: 3,
      handle: async ({ subject, version, data }, { call, services, attempt }) => {
        services.seen.push(`${subject}#${version}`);
        await services.act(`${subject}#${version}/${attempt}`);
        await call(diary, subject).note({ what: `${version}:${data.n}` });
      },
    }),
  ],
});

/** How long a call may take on a connection that was cut, milliseconds of this process's time: the client may wait for ever. */
const afterCutMs = 1_000;

/** Calls of which it is known that nobody will answer them. */
function createCuts() {
  let cuts = new Set<() => void>();
  let wasCut = false;
  return {
    /** Whatever is under way now is not answered, and what comes later perhaps not. */
    cut(): void {
      wasCut = true;
      for (const cut of cuts) cut();
      cuts = new Set();
    },
    /** The call's result, or that there is none. */
    async orCut<T>(call: Promise<T>): Promise<T> {
      const { promise, reject } = Promise.withResolvers<never>();
      const cut = (): void => reject(new Error("It was cut."));
      cuts.add(cut);
      const timer = wasCut ? setTimeout(cut, afterCutMs) : undefined;
      try {
        return await Promise.race([call, promise]);
      } finally {
        clearTimeout(timer);
        cuts.delete(cut);
      }
    },
  };
}

/** Ends with the test. */
export async function createWorld(emulator: Tables): Promise<World> {
  const traffic = createTraffic();
  const { during, quiet } = traffic;
  const startMs = Date.now();
  const [sends, receives] = [createCuts(), createCuts()];
  const faultOf: Faults = (operation) => {
    const fault = world.faults(operation);
    const isLost = fault === "drop-reply" || (fault !== undefined && "close" in fault);
    if (isLost) (operation.kind === "send" ? sends : receives).cut();
    return fault;
  };
  const deployment = await createDeployment(emulator, traffic, app, startMs, faultOf);
  const { broker, clock } = deployment;
  deployment.deploy(app, startMs);
  const table = deployment.tables().tableName;
  const real = createSystem();
  const system: System = { ...real, now: clock.clock.now, after: clock.clock.after };

  /** The same for a process that may stand still. */
  function createProcess(): { readonly system: System } & Pick<Node, "standStill"> {
    let late: (() => void)[] | undefined;
    return {
      system: {
        ...system,
        after: (delayMs, task) => system.after(delayMs, () => (late ? void late.push(task) : task())),
      },
      standStill() {
        const tasks = (late = []) as (() => void)[];
        return () => {
          late = undefined;
          for (const task of tasks) task();
        };
      },
    };
  }

  const nodes: Node[] = [];
  onTestFinished(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    await deployment.close();
  });

  /** Time stands still during a call, unless it will never be answered. */
  function counted<T>(call: Promise<T>): Promise<T> {
    void during(sends.orCut(call)).catch(() => {});
    return call;
  }

  const world: World = {
    broker,
    system,
    faults: () => undefined,
    async start(services = newServices()) {
      const wire = clientAt(emulator, table);
      const { system: own, standStill } = createProcess();
      const { client } = wire;
      client.pipeline.addPolicy({ name: "underWay", sendRequest: (request, next) => during(next(request)) });
      const sending = await openServiceBus({ connection: broker.connectionString }, createIdentity());
      // The platform's, which is not ours: it soon gives up.
      const retryOptions = { maxRetries: 0, timeoutInMs: 1_000 };
      const receiving = new ServiceBusClient(broker.connectionString, { retryOptions });
      const made = createServiceBusBus({ client: sending, app: app, system: own });
      const bus: Bus = {
        publish: (events) => counted(made.publish(events)),
        send: (consumer, messages) => counted(made.send(consumer, messages)),
      };
      const journal = createMarkedTablesJournal({ client, system: own });
      const failures = createTablesFailures({ client, system: own });
      const places = createTablesPlaces({ client, system: own });
      const instance = createInstance(app, { journal, bus, failures, places, services }, { system: own });
      const hands = createHands({
        instance,
        deployment,
        during: (call) => during(receives.orCut(call)),
        system: own,
        client: receiving,
      });
      const node: Node = Object.assign(hands, instance, {
        journal,
        failures,
        services,
        wire,
        standStill,
        async close() {
          await Promise.all([sending.close(), receiving.close()]);
        },
      });
      nodes.push(node);
      return node;
    },
    async pass(ms) {
      const until = system.now() + ms;
      for (;;) {
        await quiet();
        let taken = false;
        for (const node of nodes) taken = (await node.take()) || taken;
        if (taken) continue;
        const now = system.now();
        if (now >= until) return;
        clock.reach(Math.min(until, Math.max(now + 1, clock.nextAt()), now + minute));
      }
    },
  };
  return world;
}
