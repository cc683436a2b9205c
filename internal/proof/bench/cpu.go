package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processor is the time that was spent on a processor, in kernel and program:
// unlike the clock on the wall it hardly feels what else the machine does.
type processor struct{ ours, redis, other time.Duration }

func (p processor) minus(q processor) processor {
	return processor{p.ours - q.ours, p.redis - q.redis, p.other - q.other}
}

func (p processor) plus(q processor) processor {
	return processor{p.ours + q.ours, p.redis + q.redis, p.other + q.other}
}

// processor reads it: of this process, of Redis, and of one more process
// unless pid is 0.
func (s *redisServer) processor(ctx context.Context, pid int) (processor, error) {
	var p processor
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return p, fmt.Errorf("processor time: %w", err)
	}
	p.ours = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	if s.embedded() {
		return p, nil // it is in this process
	}
	info, err := s.client.Info(ctx, "cpu").Result()
	if err != nil {
		return p, fmt.Errorf("processor time of Redis: %w", err)
	}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_sys" || name == "used_cpu_user" {
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return p, fmt.Errorf("processor time of Redis: %w", err)
			}
			p.redis += time.Duration(seconds * float64(time.Second))
		}
	}
	if pid != 0 {
		p.other, err = processorOf(pid)
	}
	return p, err
}

// tick is the unit of /proc/PID/stat (USER_HZ, which Linux fixes at 100).
const tick = time.Second / 100

// processorOf reads the time of another process.
func processorOf(pid int) (time.Duration, error) {
	fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, field := range fields[11:13] { // utime and stime, counted from the state
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("processor time of %d: %w", pid, err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// stat returns the fields of /proc/PID/stat from the state on.
func stat(pid int) ([]string, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	text := string(raw)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 22 {
		return nil, fmt.Errorf("processor time of %d: %d fields", pid, len(fields))
	}
	return fields, nil
}

// resident is the memory of a process that is in RAM, in bytes.
func resident(pid int) (int64, error) {
	fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(fields[21], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
