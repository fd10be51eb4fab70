import express, { type Request, type Response } from "express";

const MOST_BODY = "100kb";
const parse = express.json({ limit: MOST_BODY, strict: true });

/** Reads a JSON body into `req.body`. Called once the caller is known and counted: nobody else's is worth reading. */
export async function readBody(req: Request, res: Response): Promise<void> {
  await new Promise<void>((resolve, reject) =>
    parse(req, res, (error?: unknown) => {
      if (error === undefined) resolve();
      else reject(error instanceof Error ? error : new Error("the body could not be read", { cause: error }));
    }),
  );
}
