// A C++17 program that knows nothing of the scheduled runtime: threads, mutexes, condition variables, atomics, exceptions,
// local statics and thread-local objects. Returns 0 when everything came out right.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

class Channel {
public:
    void put(int value) {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [this] { return queue_.size() < 2; });
        queue_.push(value);
        filled_.notify_one();
    }

    std::optional<int> take() {
        std::unique_lock lock(mutex_);
        if (!filled_.wait_for(lock, std::chrono::milliseconds(500), [this] { return !queue_.empty() || closed_; })) {
            return std::nullopt;
        }
        if (queue_.empty()) {
            return std::nullopt;
        }
        int value = queue_.front();
        queue_.pop();
        room_.notify_one();
        return value;
    }

    void close() {
        std::lock_guard lock(mutex_);
        closed_ = true;
        filled_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable filled_, room_;
    std::queue<int> queue_;
    bool closed_ = false;
};

std::string &shared_name() {
    static std::string name("built once, by whoever comes first");
    return name;
}

thread_local int depth = 0;

int thrown_and_caught(int value) {
    depth++;
    try {
        if (value % 2 == 0) {
            throw std::runtime_error(shared_name());
        }
        std::this_thread::yield();
    } catch (const std::exception &error) {
        std::this_thread::yield(); // another thread may throw while this one handles
        return static_cast<int>(std::string(error.what()).size()) > 0 ? value : -1;
    }
    return value;
}

} // namespace

int main() {
    Channel channel;
    std::atomic<int> sum{0};
    std::shared_mutex shared;
    std::vector<int> seen;
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; t++) {
        threads.emplace_back([&] {
            while (auto value = channel.take()) {
                sum += thrown_and_caught(*value);
                std::unique_lock lock(shared);
                seen.push_back(*value);
            }
        });
    }
    std::future<int> later = std::async(std::launch::async, [&] {
        for (int i = 1; i <= 4; i++) {
            channel.put(i);
        }
        std::shared_lock lock(shared);
        return depth; // its own
    });
    int own = later.get();
    channel.close();
    for (auto &thread : threads) {
        thread.join();
    }
    return sum == 10 && seen.size() == 4 && own == 0 ? 0 : 1;
}
