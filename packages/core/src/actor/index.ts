export { type ActorEvent } from "./actor.js";
export {
  CALL_TIMEOUT_MS,
  callTimeoutMs,
  inherited,
  type Address,
  type AnyService,
  type Arguments,
  type CallOptions,
  type Ended,
  type Inheriting,
  type SendOptions,
  type StreamingArguments,
  type StreamOptions,
  type WatchOptions,
  type WithInputs,
} from "./address.js";
export { RESTART_DEFAULTS, type RestartOptions } from "./crash-window.js";
export { ActorError, RemoteError, toRemoteError, type ActorErrorOptions } from "./error.js";
export {
  NO_METADATA,
  type Fail,
  type Handler,
  type HandlerContext,
  type Handlers,
  type MessageContext,
  type Metadata,
  type Outputs,
} from "./handlers.js";
export { fail } from "./fail.js";
export { failureOf, type DeclaredFailure } from "./failure-of.js";
export {
  Broadcast,
  BROADCAST_CAPACITY,
  Shared,
  SharedItems,
  sharedItems,
  type BroadcastOptions,
  type BroadcastOverflow,
  type SubscribeOptions,
} from "./broadcast.js";
export { itemSource, type ItemSource } from "./item-source.js";
export { lazyStream, type StreamWaiter } from "./lazy-stream.js";
export {
  intercept,
  runIntercepted,
  type InterceptedMessage,
  type Interceptor,
  type MessageChanges,
  type Next,
} from "./intercept.js";
export { retry, RETRY_DEFAULTS, type RetryOptions } from "./retry.js";
export { validated } from "./validated.js";
export { BoundedLane, LANE_DEFAULTS, type LaneOptions, type Overflow, type Parked, type PushOptions } from "./lane.js";
export { Mailbox, MAILBOX_DEFAULTS, type Lane, type MailboxOptions, type MailboxOwner } from "./mailbox.js";
export { type Schema, type SchemaInput, type SchemaIssue, type SchemaOutput, type SchemaResult } from "./schema.js";
export { misfit, parseShape, SHAPE_LENGTH_MAX, shapeTextOf, type Misfit } from "./shape.js";
export { Scheduler, SCHEDULER_QUEUED_MAX, type SchedulerOptions } from "./scheduler.js";
export {
  Semaphore,
  SEMAPHORE_DEFAULTS,
  type AcquireOptions,
  type PermitWaiter,
  type SemaphoreOptions,
} from "./semaphore.js";
export {
  call,
  defineService,
  NAME_BYTES_MAX,
  send,
  SERVICE_MESSAGES_MAX,
  SERVICE_NAMES_BYTES_MAX,
  stream,
  type AnyCall,
  type AnySend,
  type AnyStream,
  type CallMessage,
  type Failures,
  type Given,
  type Message,
  type MessageOptions,
  type MessageParts,
  type Messages,
  type MessageSchemas,
  type NamesOf,
  type Received,
  type Result,
  type Returned,
  type SendMessage,
  type Sent,
  type Service,
  type ServiceOptions,
  type StreamMessage,
  type Taken,
  type TypesOf,
} from "./service.js";
export {
  ACTOR_GRACE_MS,
  spawn,
  type ActorAddress,
  type ActorCloseOptions,
  type ActorContext,
  type ActorMailboxOptions,
  type HandlersOnly,
  type SpawnOptions,
} from "./spawn.js";
export { type RustType, type ThespisMessage } from "./thespis-message.js";
export { checkFailure, checkInput, checkOutput, isThenable, ISSUES_MAX, type InvalidIssue } from "./validate.js";
export { WaitingLine } from "./waiting-line.js";
