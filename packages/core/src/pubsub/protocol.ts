// What participants, and the programs of a host, say to each other.

import { call, defineService, stream, type CallMessage, type Service, type StreamMessage } from "../actor/index.js";
import type { RosterChange } from "./announcement.js";
import type { Numbered } from "./feed.js";

/** Who somebody is: a participant of another host, or a program of this one. */
export interface Introduction {
  readonly id: string;
  readonly role: "participant" | "program";
  readonly domain: number;
}

type ParticipantMessages = {
  /** Who are you? Answers with the id of the participant. */
  readonly introduce: CallMessage<Introduction, Introduction, string, string>;
  /** Programs: those of the participant itself, or all that it knows; first as they are, then every change. */
  readonly roster: StreamMessage<"own" | "all", "own" | "all", RosterChange, unknown>;
  readonly alive: CallMessage<void, void, void, void>;
};

/** Between participants, and between one and the programs of its host. */
export const ParticipantProtocol: Service<ParticipantMessages> = defineService("troupe.participant", {
  introduce: call<Introduction, string>(),
  roster: stream<"own" | "all", RosterChange>() as never,
  alive: call<void, void>(),
});

/** Which values of which publisher. */
export interface SamplesQuery {
  readonly publisher: number;
  readonly topic: string;
  /** The number of the last one that came; undefined for a first time. */
  readonly after?: number;
  /** How many older ones are wanted the first time. */
  readonly keep: number;
}

type SampleMessages = {
  readonly samples: StreamMessage<SamplesQuery, SamplesQuery, Numbered>;
};

/** From publishers to subscribers. */
export const SampleProtocol: Service<SampleMessages> = defineService("troupe.samples", {
  samples: stream<SamplesQuery, Numbered>(),
});
