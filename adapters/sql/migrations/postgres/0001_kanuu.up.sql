-- +goose Up
-- One row for each alert of Paddle, and for each observation of Kanuu. Append-only.
CREATE TABLE IF NOT EXISTS kanuu_alerts (
    account         varchar(64)  NOT NULL,
    alert_id        varchar(64)  NOT NULL,
    subscription_id bigint,
    event_time      timestamptz,
    alert_name      varchar(255) NOT NULL,
    received_at     timestamptz  NOT NULL,
    fields          text         NOT NULL,
    PRIMARY KEY (account, alert_id)
);

CREATE INDEX IF NOT EXISTS kanuu_alerts_subscription ON kanuu_alerts (account, subscription_id);

-- One row for each subscription of Paddle, derived from its alerts.
CREATE TABLE IF NOT EXISTS kanuu_subscriptions (
    account         varchar(64) NOT NULL,
    subscription_id bigint      NOT NULL,
    identifier      text,
    status          text,
    plan_id         bigint,
    quantity        bigint,
    unit_price      text,
    currency        text,
    next_bill_date  timestamptz,
    paid_until      timestamptz,
    paused_from     timestamptz,
    paused_reason   text,
    ends_at         timestamptz,
    cancel_url      text,
    update_url      text,
    past_due_since  timestamptz,
    created_at      timestamptz,
    refunded_at     timestamptz,
    last_payment_at timestamptz,
    event_time      timestamptz,
    observed_at     timestamptz,
    fold_version    integer     NOT NULL DEFAULT 0,
    checked_at      timestamptz,
    purged_at       timestamptz,
    PRIMARY KEY (account, subscription_id)
);

CREATE INDEX IF NOT EXISTS kanuu_subscriptions_identifier ON kanuu_subscriptions (account, identifier);

-- Names of effects that happened.
CREATE TABLE IF NOT EXISTS kanuu_once (
    name        varchar(255) NOT NULL PRIMARY KEY,
    happened_at timestamptz  NOT NULL
);
