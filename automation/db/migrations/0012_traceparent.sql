-- Where the trace of what led here goes on (W3C Trace Context): an event's from its webhook, an operation's from whatever
-- asked for it. null while nobody exports traces.
alter table stripe_events add column traceparent text;
alter table operations add column traceparent text;
