-- +goose Up
-- Keys and identifiers are varbinary: collations take "user:A" for "user:a", and even
-- utf8mb4_bin takes "user:a " for "user:a".

-- One row for each alert of Paddle, and for each observation of Kanuu. Append-only.
CREATE TABLE IF NOT EXISTS kanuu_alerts (
    account         varbinary(64)  NOT NULL,
    alert_id        varbinary(64)  NOT NULL,
    subscription_id bigint,
    event_time      datetime,
    alert_name      varbinary(255) NOT NULL,
    received_at     datetime       NOT NULL,
    fields          mediumtext     NOT NULL,
    PRIMARY KEY (account, alert_id),
    KEY kanuu_alerts_subscription (account, subscription_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- One row for each subscription of Paddle, derived from its alerts.
CREATE TABLE IF NOT EXISTS kanuu_subscriptions (
    account         varbinary(64) NOT NULL,
    subscription_id bigint        NOT NULL,
    identifier      varbinary(255),
    status          varchar(64),
    plan_id         bigint,
    quantity        bigint,
    unit_price      varchar(64),
    currency        varchar(64),
    next_bill_date  datetime,
    paid_until      datetime,
    paused_from     datetime,
    paused_reason   varchar(255),
    ends_at         datetime,
    cancel_url      text,
    update_url      text,
    past_due_since  datetime,
    created_at      datetime,
    refunded_at     datetime,
    last_payment_at datetime,
    event_time      datetime,
    observed_at     datetime,
    fold_version    integer       NOT NULL DEFAULT 0,
    checked_at      datetime,
    purged_at       datetime,
    PRIMARY KEY (account, subscription_id),
    KEY kanuu_subscriptions_identifier (account, identifier)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- Names of effects that happened.
CREATE TABLE IF NOT EXISTS kanuu_once (
    name        varbinary(255) NOT NULL PRIMARY KEY,
    happened_at datetime       NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
