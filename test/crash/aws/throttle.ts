import type { IncomingMessage } from "node:http";
import type { Refusal } from "../throttle.ts";

/** In the words of DynamoDB and SQS, which speak JSON, or of SNS. Source: the common errors of their API references. */
const refusals = {
  json: {
    status: 400,
    type: "application/x-amz-json-1.0",
    body: '{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"Rate exceeded"}',
  },
  xml: {
    status: 400,
    type: "text/xml",
    body: "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>",
  },
} as const;

/** What a service of AWS says to a request that is too much. */
export function awsRefusal({ headers }: Pick<IncomingMessage, "headers">): Refusal {
  return refusals[headers["content-type"]?.includes("json") ? "json" : "xml"];
}
