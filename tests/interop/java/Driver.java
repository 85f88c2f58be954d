import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.SynchronousQueue;

/**
 * A client of ZooKeeper that nobody here wrote, driven by lines: see ../src/process.rs for what it is told and answers.
 *
 * <p>Usage: Driver CONNECT-STRING SESSION-SECONDS
 */
final class Driver {
    public static void main(String[] arguments) throws Exception {
        PrintStream output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BlockingQueue<String> lines = new SynchronousQueue<>();
        Client client = Client.connect(arguments[0], Integer.parseInt(arguments[1]));
        Thread reader = new Thread(() -> read(lines));
        reader.setDaemon(true);
        reader.start();
        boolean closed = false;
        // Locks belong to the thread that took them, so all that is asked for is done by this one.
        while (!closed) {
            List<String> words = Arrays.asList(lines.take().split("\t", -1));
            output.println(answer(client, words));
            closed = words.get(0).equals("close");
        }
    }

    private static String answer(Client client, List<String> words) {
        try {
            StringBuilder line = new StringBuilder("ok");
            client.answer(words.get(0), words.subList(1, words.size())).forEach(field -> line.append('\t').append(field));
            return line.toString();
        } catch (Exception error) {
            return "error\t" + error.toString().replaceAll("\\s+", " ");
        }
    }

    /** What is read while a lock is waited for, too: the end of the input ends the process at once, as a crash would. */
    private static void read(BlockingQueue<String> lines) {
        try {
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                lines.put(line);
            }
            Runtime.getRuntime().halt(0);
        } catch (IOException | InterruptedException error) {
            Runtime.getRuntime().halt(1);
        }
    }
}
