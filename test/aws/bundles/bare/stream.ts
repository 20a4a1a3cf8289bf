import { GetItemCommand, PutItemCommand, QueryCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { CreateScheduleCommand, SchedulerClient, type CreateScheduleCommandInput } from "@aws-sdk/client-scheduler";
import { PublishBatchCommand, SNSClient } from "@aws-sdk/client-sns";
import { SendMessageBatchCommand, SQSClient } from "@aws-sdk/client-sqs";
import { schemas } from "./schemas.ts";

// What a relay without a framework loads: the SDK's clients with the commands of one, and the app's schemas. Never invoked.

const dynamo = new DynamoDBClient();
const sns = new SNSClient();
const sqs = new SQSClient();
const scheduler = new SchedulerClient();
const table = { TableName: process.env["HOLDFAST_TABLE"] };

export async function handler(event: {
  readonly kind: keyof typeof schemas;
  readonly id: string;
  readonly data: unknown;
  readonly schedule: CreateScheduleCommandInput;
}): Promise<void> {
  const Key = { pk: { S: event.id }, sk: { S: event.kind } };
  const data = { S: JSON.stringify(schemas[event.kind].parse(event.data)) };
  await dynamo.send(new QueryCommand({ ...table, KeyConditionExpression: "pk = :pk" }));
  await dynamo.send(new GetItemCommand({ ...table, Key }));
  await dynamo.send(new PutItemCommand({ ...table, Item: { ...Key, data } }));
  await sns.send(new PublishBatchCommand({ TopicArn: event.id, PublishBatchRequestEntries: [] }));
  await sqs.send(new SendMessageBatchCommand({ QueueUrl: event.id, Entries: [] }));
  await scheduler.send(new CreateScheduleCommand(event.schedule));
}
