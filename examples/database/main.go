// Command database is Acme Notes with a table of subscriptions of its own: the home
// page shows price, renewal and end, and a subscriber gets one welcome.
//
//	go run ./examples/database
//
// It needs nothing: without DATABASE_URL it uses SQLite, in acme-notes.db in the working
// folder. Others are postgres://user:password@host/db and
// mysql://user:password@tcp(host:3306)/db.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/kanuu-io/kanuu-go"
	kanuusql "github.com/kanuu-io/kanuu-go/adapters/sql"
	"github.com/kanuu-io/kanuu-go/examples/internal/demo"
)

func main() { os.Exit(demo.Run("net/http and a database", NewHandler)) }

// NewHandler returns the app's own routes, /billing, /pro for subscribers, and what
// Paddle calls.
func NewHandler(app *demo.App) (http.Handler, error) {
	data, err := open(context.Background(), app)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL cannot be used: %w", err)
	}
	app.Facts, app.LastKnown, app.Close = data.facts, data.store.LastKnown, data.db.Close

	who := kanuu.IdentifierResolverFunc(demo.Who)
	gate := kanuu.NewGate(app.Client, &kanuu.GateOptions{BillingURL: "/billing", LoginURL: "/", ReturnParam: "next"})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", app.ServeHome)
	mux.HandleFunc("/", app.NotFound)
	mux.Handle("/billing", kanuu.NewRedirectHandler(app.Client, who, &kanuu.RedirectOptions{LoginURL: "/", ReturnParam: "next"}))
	mux.Handle("GET /pro", gate.Handler(who, http.HandlerFunc(app.ServePro)))
	if hook := app.Webhook; hook != nil { // PADDLE_PUBLIC_KEY is set
		hook.On("*", data.store.Handler(data.welcome))
		hook.On("subscription_*", app.KeepEvent)
		mux.Handle("POST /webhooks/paddle", hook)
	}
	return app.Session(mux), nil
}

// database of the app: the tables of kanuusql, and mails to be sent.
type database struct {
	db      *sql.DB
	store   *kanuusql.Store
	account string
	arg     string // placeholder of a statement's only argument
}

func open(ctx context.Context, app *demo.App) (*database, error) {
	driver, dialect, arg := "sqlite", kanuusql.SQLite, "?"
	dsn := "file:acme-notes.db?_pragma=busy_timeout(3000)&_pragma=journal_mode(wal)"
	switch url := app.Getenv("DATABASE_URL"); {
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		driver, dialect, dsn, arg = "pgx", kanuusql.Postgres, url, "$1"
	case strings.HasPrefix(url, "mysql://"):
		driver, dialect, dsn = "mysql", kanuusql.MySQL, strings.TrimPrefix(url, "mysql://")
	case url != "":
		dsn = url
	}
	account := "live"
	if app.Getenv("KANUU_API_KEY") == "" { // each emulator gives the same ids again
		account = "emulator of " + time.Now().UTC().Format(time.RFC3339Nano)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	store, err := kanuusql.New(db, dialect, &kanuusql.Options{Account: account}) //nolint:contextcheck // has its own limit
	if err == nil {
		err = store.Migrate(ctx)
	}
	if err == nil {
		_, err = db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS mails (recipient varchar(255), subject varchar(255))")
	}
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return &database{db, store, account, arg}, nil
}

// welcome writes a mail for a new subscriber, once, in the transaction that stores the
// alert. Another part of a real app sends it.
func (d *database) welcome(ctx context.Context, tx *sql.Tx, _ kanuu.Event, c kanuusql.Change) error {
	is := c.After
	if is.Identifier == "" || is.Entitled(time.Now()) != kanuusql.Entitled {
		return nil
	}
	first, err := d.store.First(ctx, tx, "welcome:"+d.account+":"+is.Identifier)
	if err != nil || !first {
		return err
	}
	//nolint:gosec // "?" or "$1"
	_, err = tx.ExecContext(ctx, "INSERT INTO mails (subject, recipient) VALUES ('Welcome to Pro', "+d.arg+")", is.Identifier)
	return err
}

// facts are lines for the home page.
func (d *database) facts(ctx context.Context, user *demo.User) ([]demo.Fact, error) {
	var facts []demo.Fact
	subscriptions, err := d.store.Subscriptions(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	for _, s := range subscriptions {
		if s.Entitled(time.Now()) == kanuusql.NotEntitled {
			continue
		}
		price := fmt.Sprintf("%d × %v", s.Quantity, s.UnitPrice)
		facts = append(facts, demo.Fact{Name: fmt.Sprintf("Plan %d", s.PlanID), Text: price})
		switch {
		case !s.EndsAt.IsZero():
			facts = append(facts, demo.Fact{Name: "Ends on", Text: s.EndsAt.Format("2 January 2006")})
		case !s.PausedFrom.IsZero():
			facts = append(facts, demo.Fact{Name: "Pauses on", Text: s.PausedFrom.Format("2 January 2006")})
		case !s.NextBillDate.IsZero():
			facts = append(facts, demo.Fact{Name: "Renews on", Text: s.NextBillDate.Format("2 January 2006")})
		}
	}
	//nolint:gosec // "?" or "$1"
	rows, err := d.db.QueryContext(ctx, "SELECT subject FROM mails WHERE recipient = "+d.arg, user.ID)
	if err != nil {
		return facts, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		mail := demo.Fact{Name: "Mail"}
		if err := rows.Scan(&mail.Text); err != nil {
			return facts, err
		}
		facts = append(facts, mail)
	}
	return facts, rows.Err()
}
