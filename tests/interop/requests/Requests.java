package peer;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.SynchronousQueue;

/** Answers requests that come as lines: see ../src/process.rs for their form. */
public final class Requests {
    /** What answers a request, with the fields of the answer. */
    public interface Answers {
        /** The fields of the answer. */
        Collection<String> answer(String verb, List<String> arguments) throws Exception;
    }

    private Requests() {}

    /**
     * Answers one request after the other, all on this thread: locks belong to the thread that took them. The process
     * ends with the answer to "close".
     */
    public static void serve(Answers answers, PrintStream output) throws InterruptedException {
        BlockingQueue<String> lines = new SynchronousQueue<>();
        Thread reader = new Thread(() -> read(lines));
        reader.setDaemon(true);
        reader.start();
        while (true) {
            List<String> words = Arrays.asList(lines.take().split("\t", -1));
            output.println(answer(answers, words));
            if (words.get(0).equals("close")) {
                Runtime.getRuntime().halt(0);
            }
        }
    }

    private static String answer(Answers answers, List<String> words) {
        try {
            StringBuilder line = new StringBuilder("ok");
            answers.answer(words.get(0), words.subList(1, words.size())).forEach(field -> line.append('\t').append(field));
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
