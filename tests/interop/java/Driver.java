import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import peer.Requests;

/**
 * A client of ZooKeeper that nobody here wrote, driven by lines: see ../src/process.rs for what it is told and answers.
 *
 * <p>Usage: Driver CONNECT-STRING SESSION-SECONDS
 */
final class Driver {
    public static void main(String[] arguments) throws Exception {
        PrintStream output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        Client client = Client.connect(arguments[0], Integer.parseInt(arguments[1]));
        Requests.serve(client::answer, output);
    }
}
