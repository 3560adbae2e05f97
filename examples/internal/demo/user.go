package demo

// User is somebody with an account at Acme Notes.
type User struct {
	ID    string // never changes and is never given to somebody else
	Login string
	Name  string
	Email string
	Notes []Note
}

// Note is one note.
type Note struct {
	Title, Text, When string
}

// Initial stands in for a picture.
func (u *User) Initial() string { return u.Name[:1] }

// users are all the people there are.
var users = []*User{
	{
		ID: "1001", Login: "alice", Name: "Alice", Email: "alice@example.com",
		Notes: []Note{
			{"Spring release", "Freeze on Tuesday. Ask Bob whether the importer can wait.", "Today"},
			{"Reading list", "The one about lighthouses, then the one about tea.", "Yesterday"},
			{"Balcony", "Tomatoes want more sun. Mint wants less of everything.", "Last week"},
		},
	},
	{
		ID: "1002", Login: "bob", Name: "Bob", Email: "bob@example.com",
		Notes: []Note{
			{"Importer", "It can wait. Tell Alice before she asks.", "Today"},
			{"Saturday", "Bread flour, a lamp for the bike, stamps.", "Monday"},
		},
	},
}

func userByLogin(login string) (*User, bool) {
	for _, user := range users {
		if user.Login == login {
			return user, true
		}
	}
	return nil, false
}
