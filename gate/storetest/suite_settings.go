package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
)

// settings checks that a setting changes when a second person says so, and then
// only.
func settings(t *testing.T, kit Kit) {
	ctx := context.Background()
	s, ok := kit.Open(t).(interface {
		Store
		gate.SettingStore
	})
	if !ok {
		t.Fatal("the store keeps no settings")
	}
	want := func(err, is error) {
		t.Helper()
		if !errors.Is(err, is) {
			t.Fatalf("error %v, want %v", err, is)
		}
	}
	at := Noon.Add(time.Minute)
	change := func(id, key, value string) gate.SettingChange {
		return gate.SettingChange{ID: id, Key: key, Was: "30", Value: value, Why: "the order of 3 May", By: "maria", At: at}
	}
	want(s.RecordSetting(ctx, change("a", gate.SettingRetention, "14")), nil)
	want(s.RecordSetting(ctx, change("b", gate.SettingRetention, "10")), gate.ErrExists)
	want(s.RecordSetting(ctx, change("a", gate.SettingController, "x")), gate.ErrExists)
	for _, bad := range []gate.SettingChange{change("c", gate.SettingRetention, "0"), change("c", gate.SettingRetention, "07"), change("c", "jurisdiction", "US"), change("c", gate.SettingController, strings.Repeat("x", 201))} {
		want(s.RecordSetting(ctx, bad), gate.ErrSetting)
	}
	want(s.DecideSetting(ctx, "none", gate.SettingApproved, "jan", at), gate.ErrNotFound)
	want(s.DecideSetting(ctx, "a", gate.SettingApproved, "maria", at), gate.ErrSamePerson)
	want(s.DecideSetting(ctx, "a", gate.SettingWithdrawn, "jan", at), gate.ErrNotAllowed)
	want(s.DecideSetting(ctx, "a", gate.SettingApproved, "jan", at.Add(time.Second)), nil)
	want(s.DecideSetting(ctx, "a", gate.SettingRejected, "jan", at), gate.ErrOver)
	want(s.RecordSetting(ctx, change("d", gate.SettingRetention, "7")), nil)
	want(s.DecideSetting(ctx, "d", gate.SettingWithdrawn, "maria", at.Add(2*time.Second)), nil)
	list, err := s.SettingChanges(ctx)
	if err != nil || len(list) != 2 || list[0].Decided != gate.SettingApproved || list[0].DecidedBy != "jan" || !list[0].DecidedAt.Equal(at.Add(time.Second)) ||
		list[0].Value != "14" || list[0].By != "maria" || list[1].Decided != gate.SettingWithdrawn {
		t.Fatalf("%+v, %v", list, err)
	}
	kit.fits(t, s)
	d, err := gate.NewSettingsDesk(ctx, s, gate.NewClock(func() time.Time { return at.Add(time.Minute) }))
	if err != nil {
		t.Fatal(err)
	}
	if d.Number(gate.SettingRetention, 30) != 14 || d.Value(gate.SettingController) != "" || d.Number(gate.SettingController, 3) != 3 {
		t.Errorf("in force: %q, %q", d.Value(gate.SettingRetention), d.Value(gate.SettingController))
	}
}
