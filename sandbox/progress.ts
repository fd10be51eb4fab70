/** Called by a long step with what it is doing at this moment, in a few words: "unpacking 312 packages". */
export type Progress = (doing: string) => void;
