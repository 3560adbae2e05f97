package routers

// Who is the resolver for Fiber.
var Who = who

// UserKey is where it looks for the user.
type UserKey = userKey
