import { on, type App, type DeliveredEvent, type Subscription } from "holdfast";
import { cart } from "./cart.ts";
import { shipment } from "./fulfilment.ts";
import { h, type Services } from "./holdfast.ts";
import { order } from "./order.ts";
import { product } from "./product.ts";
import { report } from "./report.ts";
import type { Terminal } from "./terminal.ts";

/** Shows what happens from now on, for each entity in its order. With several processes, one of them shows it. */
function createTicker(terminal: Terminal): Subscription<Services> {
  const start = Date.now();
  const say = ({ type, subject, time }: DeliveredEvent, colour: Parameters<Terminal["say"]>[0], text: string): void => {
    // What happened while nobody watched is old news.
    if (time >= start) terminal.say(colour, `${type.split(".")[0]} ${subject}`, text);
  };
  return h.subscription("ticker", {
    to: [
      on(cart.events.itemAdded),
      on(cart.events.itemRemoved),
      on(cart.events.checkedOut),
      on(order.events.opened),
      on(order.events.paid),
      on(order.events.cancelled),
      on(shipment.events.sent),
      on(product.events.described),
      on(report.events.closed),
    ],
    concurrency: 1,
    handle: (event) => {
      switch (event.type) {
        case "cart.itemAdded":
          return say(event, "cyan", `${event.data.quantity} x ${event.data.name} put in`);
        case "cart.itemRemoved":
          return say(event, "cyan", `${event.data.productId} taken out`);
        case "cart.checkedOut":
          return say(event, "cyan", `checked out, to ${event.data.country}`);
        case "order.opened":
          return say(event, "blue", "awaiting payment");
        case "order.paid":
          return say(event, "green", "paid");
        case "order.cancelled":
          return say(event, "red", "cancelled: it was not paid in time");
        case "shipment.sent":
          return say(event, "magenta", `sent from ${event.data.warehouse}`);
        case "product.described":
          return say(event, "cyan", `imported: ${event.data.name}, ${event.data.price}`);
        case "report.closed":
          return say(event, "blue", `closed: ${event.data.opened} orders, ${event.data.paid} of them paid`);
      }
    },
  });
}

/** The same app, watched. An app is data, so somebody who only looks on is added without touching it. */
export function watched<Spec>(app: App<Spec, Services>, terminal: Terminal): App<Spec, Services> {
  const { name, definition } = createTicker(terminal);
  return { ...app, subscriptions: new Map([...app.subscriptions, [name, definition]]) };
}
