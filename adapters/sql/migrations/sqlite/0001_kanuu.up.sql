-- +goose Up
-- One row for each alert of Paddle, and for each observation of Kanuu. Append-only.
CREATE TABLE IF NOT EXISTS kanuu_alerts (
    account text NOT NULL,
    alert_id text NOT NULL,
    subscription_id integer,
    event_time text,
    alert_name text NOT NULL,
    received_at text NOT NULL,
    fields text NOT NULL,
    PRIMARY KEY (account, alert_id)
);

CREATE INDEX IF NOT EXISTS kanuu_alerts_subscription ON kanuu_alerts (account, subscription_id);

-- One row for each subscription of Paddle, derived from its alerts.
CREATE TABLE IF NOT EXISTS kanuu_subscriptions (
    account text NOT NULL,
    subscription_id integer NOT NULL,
    identifier text,
    status text,
    plan_id integer,
    quantity integer,
    unit_price text,
    currency text,
    next_bill_date text,
    paid_until text,
    paused_from text,
    paused_reason text,
    ends_at text,
    cancel_url text,
    update_url text,
    past_due_since text,
    created_at text,
    refunded_at text,
    last_payment_at text,
    event_time text,
    observed_at text,
    fold_version integer NOT NULL DEFAULT 0,
    checked_at text,
    purged_at text,
    PRIMARY KEY (account, subscription_id)
);

CREATE INDEX IF NOT EXISTS kanuu_subscriptions_identifier ON kanuu_subscriptions (account, identifier);

-- Names of effects that happened.
CREATE TABLE IF NOT EXISTS kanuu_once (
    name text NOT NULL PRIMARY KEY,
    happened_at text NOT NULL
);
