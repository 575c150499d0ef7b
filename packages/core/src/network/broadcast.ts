// One message to many members: each has it or has not, and nobody waits for another.

/** What came of a broadcast. */
export interface BroadcastResult {
  /** The members that it was sent to. */
  readonly sent: readonly string[];
  readonly failed: readonly { readonly member: string; readonly error: Error }[];
}

/** Sends to every member of a list. Resolves when all have had room for it, or have not. */
export async function sendToAll(
  members: readonly string[],
  send: (member: string) => Promise<void>,
): Promise<BroadcastResult> {
  const sent: string[] = [];
  const failed: { member: string; error: Error }[] = [];
  const sendTo = async (member: string): Promise<void> => {
    try {
      await send(member);
      sent.push(member);
    } catch (error) {
      failed.push({ member, error: error as Error });
    }
  };
  await Promise.all(members.map(sendTo));
  return { sent, failed };
}
