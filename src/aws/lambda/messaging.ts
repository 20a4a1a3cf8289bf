import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SchedulerClient } from "@aws-sdk/client-scheduler";
import { SNSClient } from "@aws-sdk/client-sns";
import { SQSClient } from "@aws-sdk/client-sqs";
import type { App } from "../../core/app.ts";
import type { System } from "../../core/runtime/system.ts";
import { createDynamoFailures } from "../dynamodb/failures.ts";
import { createDynamoPlaces } from "../dynamodb/places.ts";
import { createSnsSqsBus } from "../sns-sqs/bus.ts";
import type { Messaging } from "./container.ts";
import type { Environment } from "./environment.ts";
import { changeVisibility } from "./queue/change.ts";

/**
 * What functions that deliver need, from the environment. In a file of its own, with all that it loads: functions that
 * only answer requests start without it.
 */
export function openMessaging(app: App, environment: Environment, client: DynamoDBClient, system: System): Messaging {
  const { table, topic, queues, schedules, scheduleRole, scheduleTarget, scheduleDead } = environment;
  const sqs = new SQSClient();
  return {
    bus: createSnsSqsBus({
      sns: new SNSClient(),
      sqs,
      topic,
      queues,
      app,
      system,
      schedules: {
        client: new SchedulerClient(),
        group: schedules,
        role: scheduleRole,
        target: scheduleTarget,
        dead: scheduleDead,
      },
    }),
    failures: createDynamoFailures({ client, table, system }),
    places: createDynamoPlaces({ client, table, system }),
    changeVisibility: changeVisibility(sqs, queues),
  };
}
