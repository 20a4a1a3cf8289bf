const account = "eu-central-1:123456789012";

/** What a function's environment holds. */
export const environment = {
  HOLDFAST_TABLE: "journal",
  HOLDFAST_TOPIC: `arn:aws:sns:${account}:shop.fifo`,
  HOLDFAST_QUEUES: "https://sqs.eu-central-1.amazonaws.com/123456789012/shop-",
  HOLDFAST_SCHEDULES: "shop",
  HOLDFAST_SCHEDULE_ROLE: "arn:aws:iam::123456789012:role/shop-scheduler",
  HOLDFAST_SCHEDULE_TARGET: `arn:aws:sqs:${account}:shop-timers`,
  HOLDFAST_SCHEDULE_DEAD: `arn:aws:sqs:${account}:shop-timers-dead`,
} as const;
