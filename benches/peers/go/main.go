// Go's side of the guide's tables.
//
// usage: main echo | web | memory COUNT
// A server says its address, then serves until it is killed; memory prints resident bytes, and bytes
// of address space, of each of so many sleeping goroutines.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "memory" {
		memory(os.Args[2])
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	if os.Args[1] == "echo" {
		for {
			connection, err := listener.Accept()
			if err != nil {
				panic(err)
			}
			go echo(connection)
		}
	}
	answer := map[string]string{"message": "Hello, World!"}
	http.HandleFunc("/", func(writer http.ResponseWriter, _ *http.Request) {
		writer.Header().Set("Content-Type", "application/json")
		json.NewEncoder(writer).Encode(answer)
	})
	panic(http.Serve(listener, nil))
}

func echo(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 512)
	for {
		length, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := connection.Write(buffer[:length]); err != nil {
			return
		}
	}
}

func memory(word string) {
	count, err := strconv.Atoi(word)
	if err != nil {
		panic(err)
	}
	runtime.GC()
	rss, size := status("VmRSS:"), status("VmSize:")
	for i := 0; i < count; i++ {
		go time.Sleep(time.Hour)
	}
	time.Sleep(200 * time.Millisecond)
	each := func(bytes int) float64 { return float64(bytes) / float64(count) }
	fmt.Println(each(status("VmRSS:")-rss), each(status("VmSize:")-size))
}

func status(field string) int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, field) {
			kib, _ := strconv.Atoi(strings.Fields(line)[1])
			return kib * 1024
		}
	}
	return 0
}
